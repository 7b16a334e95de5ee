"""The model in the admin."""

from django.contrib import admin

from djangosite.models import Document

admin.site.register(Document)
