"""The fleet while no manager runs: read from the files, and changed there."""
