"""One model folder behind HTTP, for this machine: predictions for a patient's files, and a page to use by hand."""
