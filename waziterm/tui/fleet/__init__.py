"""The fleet on the screen: as panels, as a list, by its incidents, as a queue of scans."""
