"""The simulated Bitbucket answers as Bitbucket's published API description says."""

import json
import os
import re
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

DESCRIPTION = json.loads((Path(__file__).parent / "bitbucket.openapi.json").read_text())
REGISTRY = Registry().with_resource("urn:bitbucket", DRAFT4.create_resource(DESCRIPTION))
PAGES = 200  # of one list; a walk that is longer does not end


@pytest.fixture(scope="module")
def workspaces(simulator):
    organizations = tomllib.loads(simulator.read_text())["organization"]
    return [workspace for organization in organizations for workspace in organization["workspace"]]


def secret(reference):
    kind, _, place = reference.partition(":")
    return os.environ[place] if kind == "env" else Path(place).read_text().strip()


def get(url, workspace):
    token = secret(workspace["auth"]["access_token"])
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers.get_content_type() == "application/json", url
        return json.load(answer)


def pages(workspace, path):
    """Every page of a list, by the `next` links."""
    url = workspace["api_url"] + path
    for _ in range(PAGES):
        page = get(url, workspace)
        yield page
        if "next" not in page:
            return
        assert urllib.parse.urlsplit(page["next"])[:2] == urllib.parse.urlsplit(url)[:2], "next leads elsewhere"
        url = page["next"]
    pytest.fail(f"{path} has no end within {PAGES} pages")


def validator(template):
    answer = DESCRIPTION["paths"][template]["get"]["responses"]["200"]
    schema = {"$ref": "urn:bitbucket" + answer["content"]["application/json"]["schema"]["$ref"]}
    return Draft4Validator(schema, registry=REGISTRY, format_checker=Draft4Validator.FORMAT_CHECKER)


# The description knows no null, but live answers have it: a repository without commits, a key that was never used.
KNOWN_NULLS = ("mainbranch", "last_used")


def without_known_nulls(page):
    page["values"] = [{k: v for k, v in value.items() if v is not None or k not in KNOWN_NULLS} for value in page["values"]]
    return page


def checked_values(workspace, template, **names):
    """The values of every page of a list, each page valid."""
    described = validator(template)
    values = []
    for page in map(without_known_nulls, pages(workspace, template.format(workspace=workspace["slug"], **names))):
        errors = [f"{error.json_path}: {error.message}" for error in described.iter_errors(page)]
        assert errors == [], template
        values += page["values"]
    return values


@pytest.mark.parametrize("template", [path for path in DESCRIPTION["paths"] if "{repo_slug}" not in path])
def test_a_list_of_each_workspace_is_as_described(workspaces, template):
    shown = []
    for workspace in workspaces:
        try:
            shown.append(checked_values(workspace, template))
        except urllib.error.HTTPError as refusal:
            # One workspace's token is no administrator's; what it gets instead has the vendor's form.
            assert refusal.code == 403 and json.load(refusal)["type"] == "error"
    assert shown and all(shown), "an empty list shows nothing"


def test_deploy_keys_are_as_described(workspaces):
    template = "/repositories/{workspace}/{repo_slug}/deploy-keys"
    keys = []
    for workspace in workspaces:
        for repository in checked_values(workspace, "/repositories/{workspace}"):
            keys += checked_values(workspace, template, repo_slug=repository["slug"])
    assert keys, "an empty list shows nothing"


def test_the_description_can_refuse():
    wrong = {"values": [{"type": "repository_permission", "permission": "owner"}]}
    assert not validator("/workspaces/{workspace}/permissions/repositories").is_valid(wrong)


def test_every_request_needs_the_token(workspaces):
    url = f"{workspaces[0]['api_url']}/workspaces/{workspaces[0]['slug']}/members"
    with pytest.raises(urllib.error.HTTPError, match=re.escape("401")):
        urllib.request.urlopen(url, timeout=30)
