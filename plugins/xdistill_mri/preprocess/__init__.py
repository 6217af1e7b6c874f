"""From a file to the array that a network gets: reading, geometry, intensity.

Importing this package is cheap; `pipeline` and what it uses load numpy, nibabel and MONAI.
"""
