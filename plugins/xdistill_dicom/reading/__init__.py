"""Reading files: headers, several at a time, and voxels."""
