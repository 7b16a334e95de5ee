"""The admin, a page that shows what Django made of the request, a stream and the uploaded files."""

from django.contrib import admin
from django.http import FileResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from djangosite.models import Document


def about(request):
    return JsonResponse({"path": request.path, "host": request.get_host(), "url": request.build_absolute_uri()})


def stream(request):
    return StreamingHttpResponse((f"line {number}\n" for number in range(100)), content_type="text/plain")


def document(request, number):
    return FileResponse(Document.objects.get(pk=number).file.open("rb"))


def error(request):
    raise RuntimeError("asked for")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("about/<path:rest>", lambda request, rest: about(request)),
    path("stream", stream),
    path("documents/<int:number>", document),
    path("error", error),
]
