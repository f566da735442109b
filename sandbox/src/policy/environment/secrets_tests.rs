//! What looks like a secret, over the forms that names and values have.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// Spelled once more, so that no word leaves the lists unnoticed.
#[test]
fn each_word_that_marks_a_secret_does_so_alone() {
    let words = "TOKEN SECRET PASSWD PASSWORD PASSPHRASE CREDENTIAL COOKIE APIKEY ACCESSKEY \
                 PRIVATEKEY SSHKEY BEARER NETRC AUTH PASS PWD KEY PAT CRED PW JWT SAS DSN OTP TOTP \
                 PEM";
    let missed = |word: &&str| !marks_secret(&format!("X_{word}")) || !marks_secret(word);
    assert_eq!(words.split_whitespace().filter(missed).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_word_marks_a_secret_set_apart_and_glued_in_any_case() {
    let words = [
        "TOKEN",
        "AUTH",
        "PASS",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "KEY",
        "APIKEY",
        "PAT",
        "SECRET",
        "CREDENTIAL",
        "COOKIE",
        "PWD",
    ];
    for word in words {
        let small = word.to_ascii_lowercase();
        let capital = format!("{}{}", &word[..1], &small[1..]);
        let names = [
            word.to_owned(),
            format!("MY_{word}"),
            format!("{word}_OF_MINE"),
            format!("A_{word}_B"),
            format!("_{word}"),
            format!("X_{word}2"),
            format!("X_{word}V2"),
            format!("X_{word}2B"),
            format!("MY{word}S"),
            format!("MY_{word}ES3"),
            format!("X_USER{word}SV2"),
            format!("x_{small}_y"),
            format!("my{capital}"),
            format!("MY{word}"),
        ];
        for name in names {
            assert!(marks_secret(&name), "{name}");
        }
    }
    for name in [
        "API_KEY",
        "PRIVATE_KEY_FILE",
        "AWS_ACCESSKEYID",
        "npm_config__authToken",
        "KEYS",
        "X_USERCREDS",
        "X_PASSES",
        "X_BASICAUTHS",
        "X_OAUTH2X",
        "X_JWTS",
    ] {
        assert!(marks_secret(name), "{name}");
    }
}

#[rstest]
#[case("PATH")]
#[case("CPATH")]
#[case("CMAKE_PREFIX_PATH")]
#[case("PYTHONPATH")]
#[case("CMAKE_EXPAT_DIR")]
#[case("PATHS")]
#[case("PATCHES")]
#[case("PATTERNS2")]
#[case("AUTHOR2")]
#[case("KEYWORDS")]
#[case("BYPASSES")]
#[case("X86_64_PATHS")]
#[case("PATCH_LEVEL")]
#[case("AUTHORS")]
#[case("PYO3_USE_ABI3_FORWARD_COMPATIBILITY")]
#[case("CARGO_TARGET_DIR")]
#[case("COMPILER")]
fn a_name_that_only_resembles_one_marks_none(#[case] name: &str) {
    assert!(!marks_secret(name));
}

#[rstest]
#[case::paths("/usr/local/bin:/usr/bin:/opt/python@3.12/bin")]
#[case::versions("-I/home/linuxbrew/.linuxbrew/opt/openssl@3/include -L/opt/llvm@17/lib")]
#[case::loader("-Wl,-rpath,@loader_path/../lib")]
#[case::response_file("@args.txt")]
#[case::requirement("pkg @ file:///src/pkg")]
#[case::scope("@babel/core@7.0")]
#[case::address("https://host/path/a@b?x=1")]
#[case::branch("git+https://host/owner/name@v1.2#egg=name")]
#[case::file("file:///opt/llvm@17/lib")]
#[case::response_option("-Wl,-rpath,@executable_path -Wl,--out-implib=@x.rsp")]
#[case::substituted("-DX=@Y@ --prefix=@prefix@/lib")]
#[case::assigned_path("-DX=/opt/a,b=@c/lib")]
#[case::doubled_slash("-L/opt//llvm@17/lib")]
#[case::port("http://127.0.0.1:3128/")]
#[case::scheme_alone("https://")]
#[case::define("-DWITH_TOKEN=ON -DUSE_PASSWORD=0")]
#[case::json(r#"["/src/pkg", "/usr"]"#)]
#[case::list("cp311-* cp312-*")]
#[case::short("sk-1 npm_config hf_x")]
#[case::ternary("$<IF:$<CONFIG:Debug>,a,b>")]
fn an_honest_value_is_none(#[case] value: &str) {
    assert!(!holds_secret(value));
}

#[rstest]
#[case("https://user:password@host/")]
#[case("https://token@host/simple")]
#[case("git+ssh://git@host/repo")]
#[case("user:password@host:3128")]
#[case("token@host")]
#[case("//user:password@host/x")]
#[case("https://user:pa/ss@host/")]
#[case("https://user:123/4@host/")]
#[case("https://host:8080/path/a@b")]
#[case("https:///user@host/x")]
#[case("https://user:p'w@host/")]
#[case("https://c2VjcmV0dG9rZW4=@host/")]
#[case("-DURL=c2VjcmV0dG9rZW4=@host/")]
#[case("-DURL=//c2VjcmV0dG9rZW4=@host/")]
#[case("user:c2VjcmV0==@host/x")]
#[case("https:\\\\user:password@host\\x")]
#[case("-DURL=https://me:it@host/ -O2")]
#[case("/usr/bin:me:it@host")]
#[case("a=1&url=me:it@host")]
#[case("-----BEGIN OPENSSH PRIVATE KEY-----")]
#[case("-DX=ghp_0123456789abcdef0123456789abcdef0123")]
#[case("--header=glpat-0123456789abcdef0123")]
#[case("pypi-AgEIcHlwaS5vcmcCJGE1")]
#[case("AKIAIOSFODNN7EXAMPLE")]
#[case("-DAPI_TOKEN=hush")]
#[case("--db-password=hush")]
#[case("https://host/x?access_token=hush")]
fn a_value_that_may_be_a_secret_is_one(#[case] value: &str) {
    assert!(holds_secret(value));
}

proptest! {
    #[test]
    fn an_address_with_a_user_is_found_wherever_it_stands(
        scheme in "(|//|https?://|git\\+ssh://|socks5h://|[a-z]{2,6}://)",
        user in "[A-Za-z0-9._%~-]{1,12}",
        password in "(|:[A-Za-z0-9._%!~$*-]{0,12})",
        host in "[a-z][a-z0-9.-]{0,12}(|:[0-9]{1,5})",
        path in "(|/|/[a-z0-9/]{0,8})",
        (before, behind) in prop::sample::select(vec![
            ("", ""), ("-DX=", ""), ("\"", "\""), ("-O2 ", " -g"), ("a,", ",b"), ("x=1;", ""),
            ("--url=", ""), ("(", ")"), ("\t", "\n"),
        ]),
    ) {
        let value = format!("{before}{scheme}{user}{password}@{host}{path}{behind}");
        prop_assert!(holds_secret(&value), "{}", value);
    }

    /// Every character that can be printed, wherever in the password it stands.
    #[test]
    fn no_character_of_a_password_hides_the_user(
        (scheme, password) in prop_oneof![
            ("(https?|git\\+ssh|[a-z]{2,6})://", "[!-~]{1,12}"),
            ("(|//|\\\\\\\\)", "[!-~&&[^/\\\\\"'`]]{1,12}"),
        ],
        user in "[A-Za-z0-9._%~-]{1,12}",
        host in "[a-z][a-z0-9.-]{0,12}(|:[0-9]{1,5})(|/|/[a-z0-9/]{0,8})",
        (before, behind) in prop::sample::select(vec![
            ("", ""), ("-DX=", ""), ("\"", "\""), ("-O2 ", " -g"), ("a,", ",b"), ("(", ")"),
        ]),
    ) {
        let value = format!("{before}{scheme}{user}:{password}@{host}{behind}");
        prop_assert!(holds_secret(&value), "{}", value);
    }

    /// A token alone, also one that ends as base64 does.
    #[test]
    fn no_end_of_a_token_hides_it(
        scheme in "(|//|https?://)",
        token in "[A-Za-z0-9._~]{1,12}[,;=&)|]{0,3}",
        before in prop::sample::select(vec!["", "-DX=", "\"", "-O2 ", "--url="]),
    ) {
        let value = format!("{before}{scheme}{token}@host/x");
        prop_assert!(holds_secret(&value), "{}", value);
    }

    #[test]
    fn a_list_of_places_is_no_secret(
        places in prop::collection::vec("(/[a-z0-9._+-]{1,6}(@[0-9]{1,2})?){1,4}", 1..6),
    ) {
        prop_assert!(!holds_secret(&places.join(":")));
        let flags = format!("-I{}", places.join(" -L"));
        prop_assert!(!holds_secret(&flags), "{}", flags);
    }

    #[test]
    fn no_value_makes_it_panic(value in any::<String>(), name in any::<String>()) {
        let _ = (holds_secret(&value), marks_secret(&name));
    }
}
