"""Interactive views for the lessons, made of plain ipywidgets."""
