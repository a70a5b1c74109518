//! The catalogue of audit actions. The ids are made up in the style of the few that are public.

/// What an event is about, which decides its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Repository,
    Workspace,
    Person,
    Token,
    Site,
}

#[derive(Debug)]
pub(super) struct Action {
    pub id: &'static str,
    pub display: &'static str,
    pub group: &'static str,
    pub about: About,
}

const fn action(id: &'static str, display: &'static str, group: &'static str, about: About) -> Action {
    Action { id, display, group, about }
}

const REPOSITORY: &str = "Bitbucket Cloud repository actions";
const WORKSPACE: &str = "Bitbucket Cloud workspace actions";
const PULL_REQUEST: &str = "Bitbucket Cloud pull request actions";
const TOKENS: &str = "API token actions";
const SIGN_IN: &str = "User login actions";
const JIRA: &str = "Jira actions";
const CONFLUENCE: &str = "Confluence actions";
const ORGANIZATION: &str = "Organization actions";

pub(super) const ACTIONS: &[Action] = &[
    action("bitbucket_repository_webhook_created", "Created repository webhook", REPOSITORY, About::Repository),
    action("bitbucket_repository_updated", "Updated repository settings", REPOSITORY, About::Repository),
    action("bitbucket_branch_restriction_updated", "Updated branch restriction", REPOSITORY, About::Repository),
    action("bitbucket_build_status_created", "Created build status", REPOSITORY, About::Repository),
    action("bitbucket_pull_request_created", "Created pull request", PULL_REQUEST, About::Repository),
    action("bitbucket_pull_request_merged", "Merged pull request", PULL_REQUEST, About::Repository),
    action("bitbucket_repository_tag_created", "Created tag", REPOSITORY, About::Repository),
    action("bitbucket_pull_request_comment_added", "Commented on pull request", PULL_REQUEST, About::Repository),
    action("bitbucket_repository_deploy_key_added", "Added repository deploy key", REPOSITORY, About::Repository),
    action("bitbucket_repository_permission_updated", "Updated repository permission", REPOSITORY, About::Repository),
    action("bitbucket_workspace_user_added", "Added user to workspace", WORKSPACE, About::Workspace),
    action("bitbucket_workspace_group_updated", "Changed group permissions", WORKSPACE, About::Workspace),
    action("api_token_created", "Created API token", TOKENS, About::Token),
    action("api_token_revoked", "Revoked API token", TOKENS, About::Token),
    action("user_login", "Logged in", SIGN_IN, About::Person),
    action("user_login_failed", "Failed to log in", SIGN_IN, About::Person),
    action("user_profile_viewed", "Viewed user profile", ORGANIZATION, About::Person),
    action("group_member_added", "Added member to group", ORGANIZATION, About::Person),
    action("jira_issue_export_created", "Exported issues", JIRA, About::Site),
    action("jira_project_role_updated", "Updated project role", JIRA, About::Site),
    action("jira_workflow_updated", "Updated workflow", JIRA, About::Site),
    action("jira_automation_rule_updated", "Updated automation rule", JIRA, About::Site),
    action("confluence_added_space_permission", "Added space permission", CONFLUENCE, About::Site),
    action("confluence_page_exported", "Exported page", CONFLUENCE, About::Site),
    action("confluence_audit_record_removed_content_restriction", "Removed content restriction", CONFLUENCE, About::Site),
];

/// The Bitbucket actions that integrations cause by writing through the API.
pub(super) const OF_MACHINES: std::ops::Range<usize> = 0..8;
/// The Bitbucket actions that people cause in a browser.
pub(super) const OF_PEOPLE: std::ops::Range<usize> = 4..12;
pub(super) const TOKEN_CREATED: usize = 12;
pub(super) const TOKEN_REVOKED: usize = 13;
pub(super) const LOGIN: usize = 14;
pub(super) const LOGIN_FAILED: usize = 15;
/// Everything that has nothing to do with Bitbucket.
pub(super) const ELSEWHERE: std::ops::Range<usize> = 16..25;
/// What system actors do.
pub(super) const OF_SYSTEMS: std::ops::Range<usize> = 22..25;
