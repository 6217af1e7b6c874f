"""Networks of MONAI as encoders."""
