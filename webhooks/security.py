"""What every answer carries and what no request may do: headers, same origin, plain and small bodies."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from core.config import Settings

LARGEST_BODY = 64 * 1024
MACHINES = "/webhooks/"  # below it come vendors, with bodies of their own size
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

FRAMED = "/chat"  # the one page that may stand in a frame, on the websites that EMBED_ORIGINS names

# Scripts and styles come from our own files only; nothing is inline, framed, plugged in or fetched from elsewhere.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # "no-referrer" would turn the Origin of our own forms into "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # static files say "no-cache" themselves
}


def protect(app: Flask, settings: Settings) -> None:
    """Refuse foreign, packed and oversized requests before a route sees them; add the headers to every answer."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    public = urlsplit(settings.public_url)
    headers = dict(HEADERS)
    if public.scheme == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    framed = {"Content-Security-Policy": _framed_by(settings.embed_origins)}

    @app.before_request
    def refuse() -> None:
        if request.method not in SAFE_METHODS and not _from_our_own_page(public.netloc):
            abort(403)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            abort(415)

    @app.after_request
    def harden(response: Response) -> Response:
        for name, value in (headers | framed if request.path == FRAMED else headers).items():
            response.headers.setdefault(name, value)
        return response


def _framed_by(origins: tuple[str, ...]) -> str:
    """The policy of a page that these websites may show in a frame."""
    return CONTENT_POLICY.replace("frame-ancestors 'none'", "frame-ancestors " + (" ".join(origins) or "'none'"))


def _from_our_own_page(public_host: str) -> bool:
    """False when a browser says that another site's page sent this request.

    Without either header no browser is at work, so there is no cookie that a foreign page could ride on.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc in {request.host, public_host} - {""}
