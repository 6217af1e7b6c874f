"""What is shown with the scores of a run: its external test cohort, and remarks on its teacher."""
