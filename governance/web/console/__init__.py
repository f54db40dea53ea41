"""The console: what a person sees and answers in a browser.

Law: a page never decides and never hides. Every act on it is a verb of the service, done in the
name of the signed-in person, bound to the digest of what was shown; whatever came from outside is
text; whoever may not do something reads why.

`blueprint(desk, accounts)` is all that the application mounts. `views` are what templates get,
`front` fills them from the service, the route modules only carry between the two.
"""

from governance.web.console.mount import blueprint

__all__ = ["blueprint"]
