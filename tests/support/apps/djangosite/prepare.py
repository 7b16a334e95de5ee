"""Make the database and its administrator, in DJANGOSITE_DATA: run once before the pool starts (python -m djangosite.prepare)."""

import os

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "djangosite.settings")
django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)

from django.contrib.auth.models import User  # noqa: E402  models exist after setup

User.objects.create_superuser("admin", "admin@example.com", "secret")
