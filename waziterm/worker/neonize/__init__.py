"""neonize behind one door: its library, its client, its words turned into ours."""
