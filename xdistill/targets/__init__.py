"""From columns of labels to targets: the components of kind ``task``, one file each."""
