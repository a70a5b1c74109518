use super::*;

fn builtin() -> ClientCatalogue {
    ClientCatalogue::builtin().expect("the catalogue is valid")
}

fn faults(text: &str) -> Vec<String> {
    ClientCatalogue::with_additions(text).expect_err("refused").iter().map(ToString::to_string).collect()
}

#[test]
fn the_most_specific_entry_is_recognised_first() {
    let catalogue = builtin();
    for (agent, id, version) in [
        ("git/2.45.1", "git-cli", Some("2.45.1")),
        ("git/2.39.3 (Apple Git-146)", "git-apple", Some("2.39.3")),
        ("git/2.45.1.windows.1", "git-windows", Some("2.45.1")),
        ("git/2.43.0 (vsts-agent-git/3.236.1)", "azure-pipelines-agent", Some("3.236.1")),
        ("git/2.0 (libgit2 1.7.1)", "libgit2", Some("1.7.1")),
        ("JGit/6.8.0.202311291450-r", "jgit", Some("6.8.0.202311291450")),
        ("RenovateBot/37.1.0 (https://github.com/renovatebot/renovate)", "renovate", Some("37.1.0")),
        ("go-git/5.x", "go-git", Some("5")),
        ("Apache-HttpClient/4.5.14 (Java/17.0.9)", "apache-httpclient", Some("4.5.14")),
        ("python-requests/2.31.0", "python-requests", Some("2.31.0")),
        (
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.17763.5458",
            "powershell",
            Some("5.1.17763.5458"),
        ),
        ("Mozilla/5.0 (X11) Gecko/20100101 Firefox/132.0", "browser", Some("5.0")),
        ("Zapier", "zapier", None),
    ] {
        let client = catalogue.recognise(agent).expect(agent);
        assert_eq!((client.id.as_str(), client.version_in(agent)), (id, version), "{agent}");
        assert!(client.verified(), "{agent}");
    }
    assert!(catalogue.recognise("something nobody has seen").is_none());
    assert!(catalogue.category("git-cli").interactive());
    assert_eq!(catalogue.category("nobody"), Category::Unknown);
}

#[test]
fn a_fragment_that_nobody_verified_is_asked_last_and_says_so() {
    let catalogue = builtin();
    let sourcetree = catalogue.recognise("SourceTree/3.4.20").expect("by its fragment");
    assert_eq!((sourcetree.id.as_str(), sourcetree.verified()), ("sourcetree", false));
    assert!(sourcetree.too_old(sourcetree.version_in("SourceTree/3.4.20").expect("a version")));
    // Verified names go first, wherever the fragment stands.
    assert_eq!(catalogue.recognise("python-requests/2.31.0 jira").map(|c| c.id.as_str()), Some("python-requests"));
}

#[test]
fn the_catalogue_is_whole() {
    let catalogue = ClientCatalogue::parse(CATALOGUE).expect("its patterns compile, and recognise their examples");
    assert_eq!(catalogue.iter().count(), 117);
    assert_eq!(catalogue.iter().filter(|client| client.verified()).count(), 69);
    assert_eq!(catalogue.iter().filter(|client| client.unverified.is_some()).count(), 22);
    for client in catalogue.iter() {
        let id = &client.id;
        assert_eq!(client.user_agent.is_some(), client.example.is_some(), "{id}: every pattern has an example");
        assert!(client.documentation.starts_with("https://"), "{id}");
        assert!(["high", "medium", "low"].contains(&client.confidence.as_str()), "{id}");
        assert!(client.category != Category::Unknown && !client.name.is_empty() && !client.replacement.is_empty(), "{id}");
        assert!(client.shows_as.iter().all(|generic| catalogue.get(generic).is_some_and(Client::verified)), "{id}");
        assert!(client.words.iter().all(|word| !client.shows_as.is_empty() && *word == word.to_lowercase()), "{id}");
    }
}

#[test]
fn every_client_has_steps_that_end_in_a_proof_without_a_secret() {
    let catalogue = builtin();
    for client in catalogue.iter() {
        let (id, steps) = (&client.id, catalogue.steps(&client.id).expect("steps"));
        assert!(!steps.create.is_empty() && !steps.usernames.is_empty() && !steps.change.is_empty(), "{id}: {steps:?}");
        assert!(!steps.usual_owner.is_empty() && !steps.traps.is_empty(), "{id}");
        for line in [&steps.create, &steps.change, &steps.traps].into_iter().flatten() {
            assert!(!line.contains(['{', '}']) && !line.ends_with('.') && !line.is_empty(), "{id}: {line}");
        }
        // Where nothing is to be created, there is nothing to prove: the tool's own app is connected anew.
        assert_eq!(steps.proofs.is_empty(), steps.scopes.is_empty(), "{id}");
        for proof in &steps.proofs {
            let command = &proof.command;
            let asked = ["WORKSPACE/REPOSITORY", "bitbucket.org/site/oauth2/access_token"];
            assert!(command.contains("bitbucket.org/") && asked.iter().any(|it| command.contains(it)), "{id}: {command}");
            // The secret is asked for: it stands neither in the address nor behind the username.
            let asks =
                command.contains("-auth@bitbucket.org") || command.contains("--user EMAIL ") || command.contains("read -rsp");
            assert!(asks, "{id}: {command}");
        }
        // One secret goes with two names where a tool uses both doors, and the catalogue's own words agree.
        for name in &steps.usernames {
            let reserved = name.username.split(',').next().unwrap_or_default();
            let said = name.surface != "git" || client.secrets[0].surfaces.rest || client.username.contains(reserved);
            assert!(said, "{id}: {} against {}", name.username, client.username);
        }
        let told = steps.change.iter().any(|line| line.contains("username x-token-auth"));
        let goes = steps.usernames.iter().any(|name| name.username == "x-token-auth");
        assert!(!told || goes, "{id}: x-token-auth does not go with what is created: {steps:?}");
    }
}

#[test]
fn the_steps_of_a_client_speak_of_its_own_settings() {
    let catalogue = builtin();
    for (id, own) in [
        ("jenkins", ["Branch Source", "Git plugin", "checkout"]),
        ("sourcetree", ["3.4.24", "API Token", "email"]),
        ("bamboo", ["9.6.15", "Upgrade", "database queries"]),
        ("jira-dvcs", ["OAuth 2.0", "never used an app password", "10.3.16"]),
        ("atlascode", ["OAuth", "sign in again", "May 2026"]),
        ("terraform-provider-bitbucket", ["BITBUCKET_USERNAME", "BITBUCKET_PASSWORD", "maintenance"]),
        ("renovate", ["RENOVATE_PASSWORD", "RENOVATE_TOKEN", "hostRules"]),
        ("sonarqube", ["OAuth consumer", "import", "easily missed"]),
        ("argocd", ["x-token-auth", "ApplicationSet", "Silent"]),
        ("flux", ["spec.secretRef", "x-token-auth", "Image automation"]),
        ("composer", ["auth.json", "http-basic", "older releases"]),
        ("git-cli", [".netrc", "git remote set-url", "credential manager"]),
        ("curl", ["--netrc-file", "account email", "x-bitbucket-api-token-auth"]),
    ] {
        let text = format!("{:?}", catalogue.steps(id).expect("steps"));
        assert!(own.iter().all(|words| text.contains(words)), "{id}: {text}");
    }
    let unknown = catalogue.steps("unknown").expect("general steps");
    assert_eq!(unknown.client, "unknown");
    assert_eq!(unknown.usernames.len(), 2);
}

#[test]
fn a_consumer_is_proven_by_a_token_that_nobody_sees() {
    for id in ["jira-dvcs", "sonarqube"] {
        let steps = builtin().steps(id).expect("steps");
        let command = &steps.proofs.first().expect("a proof").command;
        assert!(command.starts_with("read -rp 'key: ' KEY; read -rsp 'secret: ' SECRET; "), "{id}: {command}");
        let (_, curl) = command.split_once(" | curl ").expect("key and secret are handed over by standard input");
        assert!(curl.starts_with("--config - ") && !curl.contains('$') && curl.contains("--output /dev/null"), "{id}: {curl}");
        assert!(curl.ends_with("; unset KEY SECRET"), "{id}: {curl}");
    }
}

#[test]
fn a_client_that_needs_two_secrets_is_told_how_to_make_use_and_prove_each() {
    let steps = builtin().steps("sonarqube").expect("steps");
    let create = steps.create.join("\n");
    assert!(
        create.contains(
            "OAuth consumer in the settings of the workspace with the permissions: pullrequest:read. Mark it as private"
        ),
        "{create}"
    );
    assert!(create.contains("\nFor the import of projects: As the user"), "{create}");
    assert!(create.contains("Choose the scopes: read:repository:bitbucket. "), "{create}");
    let names: Vec<_> = steps.usernames.iter().map(|name| (name.surface, name.username.as_str())).collect();
    assert_eq!(names[0], ("REST", "none with OAuth: the tool gets its tokens by itself"));
    assert!(names.len() == 2 && names[1].0 == "REST", "{names:?}");
    assert!(names[1].1.starts_with("for the import of projects: the Atlassian account email"), "{names:?}");
    assert_eq!(steps.scopes, builtin().get("sonarqube").expect("it is known").scopes);
    assert_eq!(steps.scopes, "pullrequest:read; for the import of projects: read:repository:bitbucket");
    let proofs: Vec<_> = steps.proofs.iter().map(|proof| proof.command.as_str()).collect();
    assert!(proofs.len() == 2 && proofs[1].starts_with("curl --fail-with-body --user EMAIL "), "{proofs:?}");
}

#[test]
fn a_second_secret_of_an_unknown_way_is_told_by_line() {
    let row = "[[client]]\nid = \"a\"\ncategory = \"CI\"\nuser_agent = '^a/'\n";
    let also = |keys: &str| faults(&format!("{row}also = {{ purpose = \"p\", scopes = \"s\", {keys} }}\n")).join("; ");
    assert!(also("way = \"magic\"").contains("line 1: client `a`: `magic` is no way"), "{}", also("way = \"magic\""));
    assert!(also("way = \"oauth\", on = \"x\"").contains("on is `x`, not git, rest or both"));
}

#[test]
fn commands_take_names_only_where_a_shell_reads_them_as_they_are() {
    let command = |repository, email| {
        let steps = builtin().steps("renovate").expect("steps").filled(repository, email);
        steps.proofs.last().expect("REST is proven").command.clone()
    };
    let plain = command(Some("acme/payments-api"), Some("bot+ci@acme.example"));
    assert_eq!(
        plain,
        "curl --fail-with-body --user bot+ci@acme.example https://api.bitbucket.org/2.0/repositories/acme/payments-api"
    );
    let hostile = command(Some("acme/$(reboot)"), Some("a;b@acme.example"));
    assert!(hostile.ends_with("--user EMAIL https://api.bitbucket.org/2.0/repositories/WORKSPACE/REPOSITORY"), "{hostile}");
    assert!(command(Some("acme/-o"), Some("-x@y")).contains("--user EMAIL"));
}

#[test]
fn rows_of_the_organisations_own_go_first_and_inherit() {
    let own = "[[client]]\nid = \"deploy-tool\"\ncategory = \"CI\"\nuser_agent = '^AcmeDeployTool/'\nway = \"access-token\"\n\
               [[client]]\nid = \"jenkins\"\nuser_agent = '^git/\\S+ acme-jenkins'\nexample = 'git/2.45.1 acme-jenkins'\n";
    let catalogue = ClientCatalogue::with_additions(own).expect("valid");
    assert_eq!(catalogue.iter().count(), 118);
    let tool = catalogue.recognise("AcmeDeployTool/3.4 (+https://tools.example.test)").expect("ours");
    assert_eq!((tool.id.as_str(), tool.category, tool.confidence.as_str()), ("deploy-tool", Category::Ci, "medium"));
    let steps = catalogue.steps("deploy-tool").expect("steps");
    assert!(steps.replacement.contains("access token") && steps.change[0].contains("credential store"), "{steps:?}");
    // Its name and steps stay; the generic git pattern no longer takes it.
    let jenkins = catalogue.recognise("git/2.45.1 acme-jenkins").expect("ours");
    assert_eq!((jenkins.id.as_str(), jenkins.verified()), ("jenkins", true));
    assert!(catalogue.steps("jenkins").expect("steps").change[0].contains("Branch Source"));
    assert!(ClientCatalogue::with_additions("").is_ok_and(|same| same.iter().count() == 117));
}

#[test]
fn slips_in_rows_of_the_organisations_own_are_told_by_line() {
    let text = "[[client]]\nid = \"a\"\ncategory = \"CI\"\nuser_agent = '('\n\
                [[client]]\nid = \"b\"\ncategory = \"CII\"\nuser_agent = '^b'\n\
                [[client]]\nid = \"c\"\ncategory = \"CI\"\n\
                [[client]]\nid = \"d\"\ncategory = \"CI\"\nuser_agent = '^d'\nexample = 'e'\n\
                [[client]]\nid = \"e\"\ncategory = \"CI\"\nuser_agent = '^d/'\nexample = 'd/1'\ntoo_old = [\"1.0\"]\n\
                [[client]]\nid = \"f\"\ncategory = \"CI\"\nuser_agent = '^d/'\nexample = 'd/1'\nway = \"magic\"\n";
    let found = faults(text);
    for (fault, (line, words)) in found.iter().zip([
        (1, "regex parse error"),
        (5, "`CII` is no category; did you mean `CI`?"),
        (9, "has no user_agent"),
        (12, "does not recognise its example"),
        (17, "`1.0` is not of the form"),
        (23, "`magic` is no way; there are: api-token, access-token, oauth"),
    ]) {
        assert!(fault.starts_with(&format!("line {line}: ")) && fault.contains(words), "{fault}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
    let shadowed = "[[client]]\nid = \"d\"\ncategory = \"CI\"\nuser_agent = '^d'\n\
                    [[client]]\nid = \"e\"\ncategory = \"CI\"\nuser_agent = '^d/'\nexample = 'd/1'\n";
    assert_eq!(faults(shadowed), ["line 5: client `e`: its example is recognised as `d`, which stands before it"]);
    assert_eq!(faults("[[client]]\nid = \"a\"\nuseragent = 'x'\n").len(), 1);
    assert!(
        faults("[[client]]\nid = \"a\"\nuseragent = 'x'\n")[0]
            .starts_with("line 3: `useragent` is an unknown key; did you mean `user_agent`?")
    );
    // What is read but is too much to compile is told where it stands, too.
    let large = "[[client]]\nid = \"l\"\ncategory = \"CI\"\nuser_agent = '[\\w]{900}'\n";
    assert!(faults(large)[0].starts_with("line 1: client `l`: "), "{:?}", faults(large));
    let twice = "[[client]]\nid = \"d\"\ncategory = \"CI\"\nuser_agent = '^d'\n".repeat(2);
    assert_eq!(faults(&twice), ["line 5: client `d` stands twice"]);
    let nameless = "[[client]]\nid = \"\"\ncategory = \"CI\"\n";
    assert_eq!(faults(nameless), ["line 1: client ``: `id` is empty"]);
}
