"""From text to cells: colours, widths, glyphs."""
