"""The PyPI package Authlib, unchanged, as a Flask application has it: code with PKCE, userinfo and refresh."""

import os
import re
import unittest
import uuid
from html import unescape
from urllib.parse import urljoin, urlsplit

import requests
from authlib.integrations.flask_client import OAuth
from flask import Flask, jsonify, url_for

BASE = os.environ["BASE_URL"]


def application() -> Flask:
    """A web application that signs its users in with the platform."""
    app = Flask(__name__)
    app.secret_key = os.urandom(32)
    app.config["SERVER_NAME"] = "127.0.0.1:9"
    provider = OAuth(app).register(
        "platform",
        client_id="journeys",
        server_metadata_url=f"{BASE}/identity/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile offline_access",
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "none",
        },
    )

    @app.route("/sign-in")
    def sign_in():
        return provider.authorize_redirect(url_for("callback", _external=True, _scheme="http"))

    @app.route("/callback")
    def callback():
        token = provider.authorize_access_token()
        refreshed = provider.fetch_access_token(
            grant_type="refresh_token", refresh_token=token["refresh_token"]
        )
        return jsonify(
            claims=token["userinfo"],
            userinfo=provider.userinfo(token=token),
            rotated=refreshed["refresh_token"] != token["refresh_token"],
        )

    return app


def sign_in(question: str, email: str, password: str) -> str:
    """What a person does in a browser; gives the address that leads back to the application."""
    browser = requests.Session()
    browser.trust_env = False
    browser.headers["Accept"] = "text/html"
    page = browser.get(question, timeout=30)
    form = next(part for part in page.text.split("<form") if 'action="/identity/sign-in' in part)
    tags = re.findall(r'<input[^>]*type="hidden"[^>]*>', form.split("</form>")[0])
    value = {name: r' %s="([^"]*)"' % name for name in ("name", "value")}
    fields = {unescape(re.search(value["name"], tag)[1]): unescape(re.search(value["value"], tag)[1]) for tag in tags}
    fields |= {"email": email, "password": password}
    target = urljoin(page.url, unescape(re.search(r' action="([^"]*)"', form)[1]))
    answer = browser.post(
        target, data=fields, headers={"Origin": BASE}, allow_redirects=False, timeout=30
    )
    while urlsplit(urljoin(answer.url, answer.headers["Location"])).netloc == urlsplit(BASE).netloc:
        answer = browser.get(urljoin(answer.url, answer.headers["Location"]), allow_redirects=False, timeout=30)
    return answer.headers["Location"]


class Authlib(unittest.TestCase):
    """Authlib accepts the provider as it is."""

    def test_authlib_signs_in_reads_userinfo_and_refreshes(self):
        email, password = f"{uuid.uuid4()}@relying-parties.example", f"correct horse {uuid.uuid4()}"
        account = {"email": email, "password": password, "name": "Ayşe Yılmaz", "city": "İzmir"}
        made = requests.post(f"{BASE}/identity/v1/accounts", json=account, timeout=30)
        self.assertEqual(made.status_code, 201, made.text)

        client = application().test_client()
        question = client.get("/sign-in").headers["Location"]
        back = sign_in(question, email, password)
        answer = client.get(back)
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(answer.json["userinfo"]["sub"], answer.json["claims"]["sub"])
        self.assertEqual(answer.json["userinfo"]["email"], email)
        self.assertTrue(answer.json["rotated"])


if __name__ == "__main__":
    unittest.main()
