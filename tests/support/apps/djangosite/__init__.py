"""A Django project: the admin with a model that has a file, and a streaming view. DJANGOSITE_DATA names its folder of data."""
