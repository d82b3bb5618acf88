//! Where requests to addresses that others name may not go, in every way of writing it (S8).

use std::net::TcpListener;
use std::time::Duration;

use postings::outward::{Caller, Reach};

/// Hosts inside of networks, as browsers and resolvers read them: this machine, in every base, with parts left out, and in other
/// digits; private networks and what stands beside them; where machines of clouds are told their secrets.
const INSIDE: &str = "127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 017700000001 \
    0177.0.0.1 127.0.0.1. 0 0.0.0.0 0x0 00.0.0.0 \u{ff11}\u{ff12}\u{ff17}.0.0.1 127\u{3002}0\u{3002}0\u{3002}1 \
    \u{2460}\u{2461}\u{2466}.0.0.1 %31%32%37.0.0.1 [::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [::127.0.0.1] \
    [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] localhost LOCALHOST localhost. \
    loc\u{ad}alhost \u{24db}\u{24de}\u{24d2}\u{24d0}\u{24db}\u{24d7}\u{24de}\u{24e2}\u{24e3} \
    10.0.0.1 10.1 167772161 172.16.0.1 172.31.255.255 0xac100001 192.168.0.1 192.168.1 3232235521 \
    100.64.0.1 100.127.255.255 198.18.0.1 192.0.0.8 192.0.2.1 198.51.100.1 203.0.113.1 240.0.0.1 \
    255.255.255.255 224.0.0.251 [fc00::1] [fd12:3456::1] [fe80::1] [ff02::1] [2001:db8::1] [64:ff9b::a00:1] \
    169.254.169.254 2852039166 [::ffff:a9fe:a9fe] [fd00:ec2::254] [2002:a9fe:a9fe::1]";

#[test]
fn no_way_of_writing_an_address_inside_leads_there() {
    let caller = Caller::new(Reach::Public, Duration::from_secs(5), 1000);
    let hosts: Vec<&str> = INSIDE.split_whitespace().collect();
    assert!(hosts.len() >= 60, "{}", hosts.len());
    for host in hosts {
        for port in ["", ":80", ":443", ":8080"] {
            let url = format!("https://{host}{port}/latest/meta-data");
            assert!(!caller.may_reach(&url), "{url}");
        }
    }
    let odd = "https://user@169.254.169.254/ https://example.com@127.0.0.1/ https://example.com:pw@example.com/ \
        http://example.com/ file:///etc/passwd gopher://example.com/ ftp://example.com/ https:/// https:// //example.com/ data:,x \
        javascript:alert(1) unix:///run/x.sock https://metadata/ https://database:5432/ https://example.com/#@127.0.0.1";
    for url in odd.split_whitespace() {
        assert!(!caller.may_reach(url), "{url}");
    }
    let fine = "https://hooks.example.com/a?b=c https://8.8.8.8/ https://[2606:4700::6812:304]/ https://127.0.0.1.example.com/";
    for url in fine.split_whitespace() {
        assert!(caller.may_reach(url), "{url}");
    }
}

/// Whatever was allowed when it was written down: who asks looks again at what the name means now.
#[test]
fn nothing_inside_is_even_connected_to() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let port = canary.local_addr().unwrap().port();
    let caller = Caller::new(Reach::Public, Duration::from_secs(5), 1000);
    for host in "127.0.0.1 127.1 2130706433 0x7f.1 [::ffff:127.0.0.1] localhost 0.0.0.0".split_whitespace() {
        for scheme in ["https", "http"] {
            let outcome = caller.get(&format!("{scheme}://{host}:{port}/"), None);
            assert!(outcome.is_err(), "{scheme}://{host}: {outcome:?}");
        }
    }
    let reached = canary.accept();
    assert_eq!(
        reached.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "nobody came"
    );
}
