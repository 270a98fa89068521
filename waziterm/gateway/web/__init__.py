"""The scan page: somebody far away scans the QR code of one instance, on a listener of its own."""
