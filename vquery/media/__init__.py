"""The one door to OpenCV: frames with their times, shots, pictures, faces and descriptors.

Pictures are BGR ``uint8`` arrays of shape ``(height, width, 3)``. Times are int64 microseconds
from the container's own timestamps, never frame number divided by frame rate.
"""
