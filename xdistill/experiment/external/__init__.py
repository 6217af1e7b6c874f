"""An external test cohort, which is predicted and never trained on."""
