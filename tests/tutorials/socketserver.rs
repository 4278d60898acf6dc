//! Rows 6 and 7: one request per connection, and many connections at once.

use crate::support::{PythonServer, Server, assert_stamped, connect, python, start_connect};

const CLIENTS: &str = "200";

#[test]
fn row_6_each_line_gets_one_stamped_reply() {
    let server =
        Server::start(&["line://127.0.0.1:0", "--service", "timestamp", "--close-after", "1"]);
    let data = ["百变星君", "大圣娶亲", "", "halloo"];
    let client = python().run("line_client.py", &[server.port()], &(data.join("\n") + "\n"));
    assert_stamped(&client.stdout, &data);
}

#[test]
fn row_6_connect_to_a_server_that_takes_one_line_per_connection() {
    let server = PythonServer::start(&python(), "line_server.py", &["promptly"]);
    let data = ["百变星君", "大圣娶亲"];
    let client = connect(&[&server.url("line")], &(data.join("\n") + "\n"));
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &data);
}

#[test]
fn row_6_a_line_that_meets_a_closing_server_is_sent_again() {
    let server = PythonServer::start(&python(), "line_server.py", &["late"]);
    let data = ["百变星君", "大圣娶亲", "halloo"];
    let client = connect(&[&server.url("line")], &(data.join("\n") + "\n"));
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &data);
}

#[test]
fn row_6_connect_until_quit() {
    let server = PythonServer::start(&python(), "line_server.py", &["promptly"]);
    let mut client = start_connect(&[&server.url("line")]);
    client.write("百变星君\n");
    client.wait_for_stdout(|stdout| stdout.ends_with('\n'));
    client.write("大圣娶亲\nquit\n");
    let client = client.wait();
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &["百变星君", "大圣娶亲"]);
}

#[test]
fn row_7_many_clients_open_together() {
    let server =
        Server::start(&["tcp://127.0.0.1:0", "--service", "timestamp", "--close-after", "1"]);
    let client = python().run("crowd_client.py", &[server.port(), CLIENTS], "");
    assert_eq!(client.stdout, format!("{CLIENTS} answered\n"));
}

#[test]
fn row_7_connect_to_a_server_that_takes_one_chunk_per_connection() {
    let server = PythonServer::start(&python(), "crowd_server.py", &["promptly"]);
    let data = ["哆啦A梦", "蜡笔小新", "超人迪加"];
    let client = connect(&[&server.url("tcp")], &(data.join("\n") + "\n"));
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &data);
}

#[test]
fn row_7_a_line_that_meets_a_closing_server_is_sent_again() {
    let server = PythonServer::start(&python(), "crowd_server.py", &["late"]);
    let data = ["哆啦A梦", "蜡笔小新", "超人迪加"];
    let client = connect(&[&server.url("tcp")], &(data.join("\n") + "\n"));
    assert_eq!(client.code, Some(0), "{}", client.stderr);
    assert_stamped(&client.stdout, &data);
}

#[test]
fn row_7_two_users_take_turns() {
    let server = PythonServer::start(&python(), "crowd_server.py", &["promptly"]);
    let mut people = [start_connect(&[&server.url("tcp")]), start_connect(&[&server.url("tcp")])];
    let data = ["哆啦A梦", "银河唯一的秘密", "蜡笔小新"];
    for (turn, line) in data.iter().enumerate() {
        for person in &mut people {
            person.write(format!("{line}\n"));
            person.wait_for_stdout(|stdout| stdout.matches('\n').count() == turn + 1);
        }
    }
    for mut person in people {
        person.close_stdin();
        let person = person.wait();
        assert_eq!(person.code, Some(0), "{}", person.stderr);
        assert_stamped(&person.stdout, &data);
    }
}
