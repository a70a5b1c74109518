"""A mail as its reader has it: its parts, its HTML with the pictures in place."""

import base64
import email
import email.policy
import re
from html.parser import HTMLParser


def parse(content):
    """The message; a part that Python's parser finds fault with fails the check."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    defects = {part.get_content_type(): part.defects for part in message.walk() if part.defects}
    assert not defects, defects
    return message


def text(message):
    return message.get_body(("plain",)).get_content()


def html(message):
    return message.get_body(("html",)).get_content()


def pictures(message):
    """The inline images by content id."""
    parts = (part for part in message.walk() if part.get_content_maintype() == "image")
    return {part["Content-ID"].strip("<>"): part for part in parts}


def standalone_html(message):
    """The HTML part with its pictures inside, as a mail program shows it."""
    page = html(message)
    for name, part in pictures(message).items():
        data = base64.b64encode(part.get_content()).decode()
        page = page.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}")
    assert not re.search(r"\bcid:", page), "a picture is missing"
    return page


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]
