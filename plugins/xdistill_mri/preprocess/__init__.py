"""From a file on disk to the array a network is given: reading, geometry, intensity.

Importing this package is cheap; `pipeline` and what it uses load numpy, nibabel and MONAI.
"""
