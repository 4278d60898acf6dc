//! The limits of a host, read from fake `/proc` and `/sys` trees: each limit as the limiting
//! factor, the sentence that reports it, and the limit behind an error.

use halloo::load::host::AcceptQueue;
use halloo::load::host::{Demand, Host, Limit, Place, QueueCounters, Route};
use halloo::load::result::outcome::Environment;
use halloo::net::Endpoint;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A fake root directory of a machine with plenty of everything, removed on drop.
struct Tree(PathBuf);

impl Tree {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("halloo-host-{}-{number}", std::process::id());
        let tree = Self(std::env::temp_dir().join(name));
        tree.with("proc/self/limits", &limits("1024", "1048576"))
            .with("proc/self/status", "Name:\thalloo\nCpus_allowed_list:\t0-3,8\n")
            .with("proc/self/cgroup", "0::/user.slice/load\n")
            .with("proc/sys/fs/nr_open", "1048576\n")
            .with("proc/sys/fs/file-nr", "1000\t0\t9223372036854775807\n")
            .with("proc/sys/fs/file-max", "9223372036854775807\n")
            .with("proc/sys/fs/epoll/max_user_watches", "100000000\n")
            .with("proc/sys/net/ipv4/ip_local_port_range", "1024\t65535\n")
            .with("proc/sys/net/ipv4/ip_local_reserved_ports", "\n")
            .with("proc/sys/net/core/somaxconn", "4096\n")
            .with("proc/sys/net/ipv4/tcp_mem", "10000000\t20000000\t30000000\n")
            .with(
                "proc/net/sockstat",
                "sockets: used 9\nTCP: inuse 2 orphan 0 tw 2 alloc 2 mem 40\n",
            )
            .with("proc/meminfo", "MemTotal: 1099511627776 kB\nMemAvailable: 1073741824 kB\n")
            .with("proc/loadavg", "0.00 0.01 0.05 1/123 4567\n")
            .with("proc/sys/kernel/threads-max", "4000000\n")
            .with("proc/sys/kernel/pid_max", "4194304\n")
            .with("proc/sys/net/ipv4/tcp_congestion_control", "cubic\n")
    }

    /// Writes this file, replacing the existing one.
    fn with(self, path: &str, text: &str) -> Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("the path is below the root"))
            .expect("the directory is writable");
        fs::write(path, text).expect("the directory is writable");
        self
    }

    fn host(&self) -> Host {
        Host::read_from(&self.0)
    }

    /// The limiting factor for a demand.
    #[track_caller]
    fn limit(&self, demand: &Demand) -> Limit {
        self.host().first_limit(demand).expect("some limit is known")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn limits(soft: &str, hard: &str) -> String {
    format!(
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max processes             96365                96365                processes \n\
         Max open files            {soft}                {hard}                files     \n"
    )
}

/// Both ends on this machine, with many addresses and processes, so that neither of them is the
/// limit.
fn wide() -> Demand {
    let place = Place::Loopback4;
    Demand { processes: 1000, sources: 16_777_214, place, ..Demand::default() }
}

#[track_caller]
fn assert_limit(limit: &Limit, name: &str, connections: u64, remedy: &str) {
    assert_eq!((limit.name, limit.connections), (name, connections), "{limit}");
    assert!(limit.remedy.contains(remedy), "no {remedy:?} in {limit}");
}

#[test]
fn all_values_are_read() {
    let tree = Tree::new()
        .with("proc/sys/net/ipv4/ip_local_reserved_ports", "80,2000-2009,65000-70000\n")
        .with("proc/sys/net/netfilter/nf_conntrack_count", "5\n")
        .with("proc/sys/net/netfilter/nf_conntrack_max", "262144\n")
        .with("proc/sys/net/ipv4/tcp_max_syn_backlog", "2048\n");
    let host = tree.host();
    assert_eq!((host.descriptors_soft, host.descriptors_hard), (Some(1024), Some(1_048_576)));
    assert_eq!(host.ports.map(|ports| ports.len()), Some(64_512 - 10 - 536));
    assert_eq!(host.tcp_memory.map(|memory| memory.held), Some(40));
    assert_eq!((host.tracked, host.tracked_max), (Some(5), Some(262_144)));
    assert_eq!(host.memory_available, Some(1 << 40));
    assert_eq!((host.threads, host.threads_max), (Some(123), Some(4_000_000)));
    assert_eq!((host.processors, host.processes_of_user), (Some(5), Some(96_365)));
    assert_eq!((host.backlog_max, host.syn_backlog_max), (Some(4096), Some(2048)));
    assert_eq!(host.congestion_control.as_deref(), Some("cubic"));
}

#[test]
fn an_unknown_value_is_not_a_limit() {
    let host = Host::read_from(Path::new("/nonexistent"));
    assert_eq!(host, Host::default());
    assert_eq!(host.limits(&wide()), []);
    let unlimited = Tree::new().with("proc/self/limits", &limits("unlimited", "unlimited"));
    assert_eq!(unlimited.host().descriptors_hard, None);
    assert!(unlimited.host().limits(&wide()).iter().all(|limit| limit.name != "descriptors"));
}

#[test]
fn the_descriptor_limit_of_this_host_is_known() {
    let host = Host::read();
    let limit =
        host.limits(&Demand::default()).into_iter().find(|limit| limit.name == "descriptors");
    assert_eq!(limit.is_some(), host.descriptors_hard.is_some());
}

#[test]
fn descriptors() {
    let tree = Tree::new().with("proc/self/limits", &limits("1024", "20000"));
    let elsewhere = Demand { connections: Some(1_000_000), ..Demand::default() };
    assert_eq!(
        tree.limit(&elsewhere).to_string(),
        "This machine can hold 19,968 connections. The limiting factor is file descriptors of one \
         process (hard limit 20,000): raise it with `ulimit -Hn 1048576` as root, or use \
         --processes 51"
    );
    // With both ends here, a hash distributes connections over the server's processes: a million
    // need 53.
    let both = Demand { place: Place::Loopback4, ..elsewhere.clone() };
    assert_limit(
        &tree.limit(&both),
        "descriptors",
        19_968,
        "--processes 53 and serve with --workers 53",
    );
    for (processes, is_enough) in [(52, false), (53, true)] {
        let limit = tree.limit(&Demand { processes, ..wide() });
        assert_eq!(limit.name, "descriptors");
        assert_eq!(limit.connections >= 1_000_000, is_enough, "{limit}");
    }
    let more = Demand { connections: Some(2_000_000), ..elsewhere };
    let remedy = "`sysctl -w fs.nr_open=2097152` and `ulimit -Hn 2097152` as root";
    assert_limit(&tree.limit(&more), "descriptors", 19_968, remedy);
    let none = Tree::new().with("proc/self/limits", &limits("8", "16"));
    assert_limit(&none.limit(&more), "descriptors", 0, "fs.nr_open=2097152");
}

#[test]
fn open_files_of_the_machine() {
    let tree = Tree::new()
        .with("proc/sys/fs/file-nr", "1200\t200\t100000\n")
        .with("proc/sys/fs/file-max", "100000\n");
    assert_limit(&tree.limit(&wide()), "files", 49_500, "`sysctl -w fs.file-max=2097152`");
}

#[test]
fn epoll_watches_of_one_user() {
    let tree = Tree::new().with("proc/sys/fs/epoll/max_user_watches", "30000\n");
    let remedy = "`sysctl -w fs.epoll.max_user_watches=2097152`";
    assert_limit(&tree.limit(&wide()), "epoll-watches", 15_000, remedy);
}

#[test]
fn ports() {
    let tree = Tree::new().with("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    let demand = Demand { place: Place::Loopback4, ..Demand::default() };
    assert_limit(&tree.limit(&demand), "ports", 28_232, "use --source 127.1.0.0/24");
    let some = Demand { connections: Some(50_000), ..demand.clone() };
    let remedy = "ip_local_port_range=\"1024 65535\"` as root, or use --source 127.1.0.0/24";
    assert_limit(&tree.limit(&some), "ports", 28_232, remedy);
    let elsewhere = Demand { place: Place::Elsewhere, ..demand.clone() };
    let remedy = "use --source with 36 addresses of this machine";
    assert_limit(&tree.limit(&elsewhere), "ports", 28_232, remedy);
    assert_limit(
        &tree.limit(&Demand { place: Place::Loopback6, ..demand.clone() }),
        "ports",
        28_232,
        remedy,
    );
    let limit = tree.limit(&Demand { sources: 5, targets: 2, ..demand.clone() });
    assert_eq!((limit.name, limit.connections), ("ports", 282_320));
    assert_eq!(limit.what, "ports of 10 pairs of source and target");
    let socket = Demand { place: Place::Unix, ..demand };
    assert!(tree.host().limits(&socket).iter().all(|limit| limit.name != "ports"));
}

#[test]
fn connection_tracking() {
    let tree = Tree::new().with("proc/sys/net/netfilter/nf_conntrack_max", "1000\n");
    let count = "proc/sys/net/netfilter/nf_conntrack_count";
    let tree = tree.with(count, "0\n");
    assert!(
        tree.host().limits(&wide()).iter().all(|limit| limit.name != "conntrack"),
        "tracking is inactive"
    );
    let tree = tree.with(count, "10\n");
    assert_limit(&tree.limit(&wide()), "conntrack", 990, "nf_conntrack_max=1048576");
}

#[test]
fn memory() {
    let tree = Tree::new().with("proc/meminfo", "MemFree: 1 kB\nMemAvailable: 1024000 kB\n");
    // 2 × 4,200 bytes of kernel memory and 356 of the two ends; an eighth is left to others.
    let limit = tree.limit(&wide());
    assert_limit(
        &limit,
        "memory",
        1_024_000 * 1024 / 8 * 7 / 8_756,
        "1,000,000 connections take 9.2 GiB",
    );
    let with_tls = tree.limit(&Demand { tls: true, ..wide() });
    assert_eq!(with_tls.connections, 1_024_000 * 1024 / 8 * 7 / (8_756 + 2 * 12_288));
    let one_end = tree.limit(&Demand { place: Place::Elsewhere, ..wide() });
    assert_eq!(one_end.connections, 1_024_000 * 1024 / 8 * 7 / (4_200 + 224));
}

#[test]
fn memory_of_the_control_group() {
    let tree = Tree::new()
        .with("sys/fs/cgroup/user.slice/load/memory.max", "max\n")
        .with("sys/fs/cgroup/user.slice/memory.max", "1073741824\n")
        .with("sys/fs/cgroup/user.slice/memory.current", "600000000\n")
        .with("sys/fs/cgroup/user.slice/memory.stat", "anon 5\ninactive_file 400000000\n");
    let limit = tree.limit(&wide());
    let left = 1_073_741_824_u64 - 200_000_000;
    let remedy = " > /sys/fs/cgroup/user.slice/memory.max` as root";
    assert_limit(&limit, "cgroup-memory", (left - left / 8) / 8_756, remedy);
}

#[test]
fn memory_of_a_control_group_of_version_1() {
    let unlimited = "9223372036854771712\n";
    let tree = Tree::new()
        .with("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/docker/1\n2:pids:/docker/1\n0::/\n")
        .with("sys/fs/cgroup/memory/memory.limit_in_bytes", unlimited)
        .with("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "800000000\n")
        .with("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "0\n");
    assert_limit(
        &tree.limit(&wide()),
        "cgroup-memory",
        700_000_000 / 8_756,
        "/docker/1/memory.limit_in_bytes`",
    );
    let tree = tree.with("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", unlimited);
    assert_eq!(tree.host().memory_of_group, None);
}

#[test]
fn a_control_group_outside_the_namespace_reads_the_root() {
    let tree = Tree::new()
        .with("proc/self/cgroup", "0::/../other\n")
        .with("sys/fs/cgroup/memory.max", "800000000\n");
    assert_eq!(tree.host().memory_of_group.map(|limit| limit.max), Some(800_000_000));
}

#[test]
fn memory_of_tcp() {
    let tree = Tree::new().with("proc/sys/net/ipv4/tcp_mem", "1000\t2040\t3000\n");
    let idle = tree.host().limits(&wide());
    assert!(idle.iter().all(|limit| limit.name != "tcp-memory"), "idle connections use none");
    // One page at each end; 40 are in use.
    let limit = tree.limit(&Demand { unread_bytes: 1, ..wide() });
    assert_limit(
        &limit,
        "tcp-memory",
        1_000,
        "`sysctl -w net.ipv4.tcp_mem=\"1500030 2000040 3000060\"`",
    );
}

#[test]
fn processes() {
    let tree = Tree::new()
        .with("proc/self/limits", &limits("1024", "1032"))
        .with("proc/sys/kernel/pid_max", "143\n");
    let demand = Demand { place: Place::Elsewhere, ..wide() };
    assert_limit(&tree.limit(&demand), "processes", 20 * 1_000, "kernel.pid_max=2048");
    let alone = Demand { processes: 1, ..demand.clone() };
    assert!(tree.host().limits(&alone).iter().all(|limit| limit.name != "processes"));
    let tree = tree
        .with("sys/fs/cgroup/user.slice/load/pids.max", "15\n")
        .with("sys/fs/cgroup/user.slice/load/pids.current", "5\n");
    assert_limit(
        &tree.limit(&demand),
        "cgroup-processes",
        10 * 1_000,
        "`echo 1005 > /sys/fs/cgroup",
    );
}

#[test]
fn remedies_stay_reasonable() {
    let beyond = "are more than this machine can hold: use several machines";
    // Thousands of processes are not a sensible remedy; one process with more descriptors is.
    let few = Tree::new().with("proc/self/limits", &limits("64", "128"));
    for place in [Place::Elsewhere, Place::Loopback4] {
        let demand = Demand { connections: Some(1_000_000), place, ..Demand::default() };
        let limit =
            few.host().limits(&demand).into_iter().find(|limit| limit.name == "descriptors");
        let remedy = limit.expect("the limit is known").remedy;
        assert!(
            remedy.contains("ulimit -Hn 1048576") && !remedy.contains("--processes"),
            "{remedy}"
        );
    }
    let tree = few
        .with("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1024000 kB\n")
        .with("proc/sys/net/ipv4/tcp_mem", "1000\t2040\t3000\n")
        .with("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
        .with("proc/sys/net/netfilter/nf_conntrack_max", "1000\n")
        .with("proc/sys/net/netfilter/nf_conntrack_count", "10\n")
        .with("proc/sys/kernel/pid_max", "143\n")
        .with("sys/fs/cgroup/user.slice/memory.max", "1073741824\n")
        .with("sys/fs/cgroup/user.slice/memory.current", "600000000\n")
        .with("sys/fs/cgroup/user.slice/load/pids.max", "15\n")
        .with("sys/fs/cgroup/user.slice/load/pids.current", "5\n");
    let all = Demand {
        connections: Some(u32::MAX.into()),
        processes: 2,
        unread_bytes: 1,
        place: Place::Elsewhere,
        ..Demand::default()
    };
    let limits = tree.host().limits(&all);
    for name in [
        "ports",
        "conntrack",
        "memory",
        "cgroup-memory",
        "tcp-memory",
        "processes",
        "cgroup-processes",
    ] {
        let limit = limits.iter().find(|limit| limit.name == name).expect("the limit is known");
        assert!(limit.remedy.contains(beyond), "{limit}");
    }
    let alone = Demand { processes: 1, ..all };
    let limit = tree.host().limits(&alone).into_iter().find(|limit| limit.name == "descriptors");
    assert!(limit.expect("the limit is known").remedy.contains(beyond));
}

#[test]
fn the_environment_names_kernel_and_processor() {
    let tree = Tree::new()
        .with("proc/sys/kernel/ostype", "Linux\n")
        .with("proc/sys/kernel/osrelease", "6.18.5-custom\n")
        .with("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t: fpu\n")
        .with("proc/meminfo", "MemTotal: 1024 kB\nMemAvailable: 512 kB\n");
    let environment = Environment::read_from(&tree.0);
    assert_eq!(environment.system, "Linux 6.18.5-custom");
    assert_eq!(environment.processor.as_deref(), Some("AMD EPYC 9R14"));
    assert_eq!((environment.cpus, environment.memory_bytes), (Some(5), Some(1 << 20)));
    let nothing = Environment::read_from(Path::new("/nonexistent"));
    assert_eq!((nothing.processor, nothing.cpus, nothing.memory_bytes), (None, None, None));
    assert!(!nothing.system.is_empty() && !nothing.architecture.is_empty());
}

#[test]
fn errors_point_to_their_limit() {
    let tree = Tree::new()
        .with("proc/self/limits", &limits("1024", "20000"))
        .with("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
        .with("proc/sys/net/netfilter/nf_conntrack_max", "1000\n")
        .with("proc/sys/net/netfilter/nf_conntrack_count", "1000\n");
    let host = tree.host();
    let demand = Demand { place: Place::Loopback4, connections: Some(50_000), ..Demand::default() };
    let target = Endpoint::Tcp("127.0.0.1:9527".parse().expect("an address"));
    let source = Some("127.0.0.1".parse().expect("an address"));
    let limit_of = |number: i32, source| {
        let error = io::Error::from_raw_os_error(number);
        host.limit_behind(&error, &demand, Route { source, target: &target })
    };
    let cases = [
        (rustix::io::Errno::MFILE, "descriptors"),
        (rustix::io::Errno::NFILE, "files"),
        (rustix::io::Errno::NOSPC, "epoll-watches"),
        (rustix::io::Errno::ADDRNOTAVAIL, "ports"),
        (rustix::io::Errno::NOBUFS, "memory"),
        (rustix::io::Errno::NOMEM, "memory"),
        (rustix::io::Errno::TIMEDOUT, "conntrack"),
    ];
    for (errno, name) in cases {
        let limit = limit_of(errno.raw_os_error(), source);
        assert_eq!(limit.map(|limit| limit.name), Some(name), "{errno}");
    }
    for errno in [rustix::io::Errno::CONNREFUSED, rustix::io::Errno::AGAIN] {
        assert_eq!(limit_of(errno.raw_os_error(), source), None, "{errno}");
    }
    assert_eq!(
        host.limit_behind(&io::Error::other("x"), &demand, Route { source, target: &target }),
        None
    );
    let no_ports = rustix::io::Errno::ADDRNOTAVAIL.raw_os_error();
    assert_eq!(
        limit_of(no_ports, source).expect("a limit").when_reached(),
        "out of ports of 127.0.0.1 -> 127.0.0.1:9527 (28,232 of 32768-60999): widen their range \
         with `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` as root, or use --source \
         127.1.0.0/24"
    );
    assert_eq!(limit_of(no_ports, None).expect("a limit").what, "ports to 127.0.0.1:9527");
    // A non-local source address causes the same error.
    let non_local = Some("192.0.2.1".parse().expect("an address"));
    let limit = limit_of(no_ports, non_local).expect("a limit");
    assert_limit(&limit, "source", 0, "`ip address add 192.0.2.1/32 dev lo`");
}

#[test]
fn a_timeout_with_free_entries_is_not_a_full_table() {
    let tree = Tree::new()
        .with("proc/sys/net/netfilter/nf_conntrack_max", "1000\n")
        .with("proc/sys/net/netfilter/nf_conntrack_count", "980\n");
    let target = Endpoint::Unix("/run/halloo.sock".into());
    let route = Route { source: None, target: &target };
    let error = io::Error::from(rustix::io::Errno::TIMEDOUT);
    assert_eq!(tree.host().limit_behind(&error, &Demand::default(), route), None);
    // A Unix socket reports a full queue at once.
    let demand = Demand { place: Place::from(&target), ..Demand::default() };
    let error = io::Error::from(rustix::io::Errno::AGAIN);
    let limit = tree.host().limit_behind(&error, &demand, route).expect("a limit");
    assert_limit(&limit, "backlog", 4096, "net.core.somaxconn=16384");
}

#[test]
fn accept_queue_overflows_are_counted() {
    let netstat = |overflows: u32, drops: u32| {
        format!(
            "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 7 {overflows} {drops}\n\
             IpExt: InNoRoutes\nIpExt: 3\n"
        )
    };
    let tree = Tree::new().with("proc/net/netstat", &netstat(10, 12));
    let before = QueueCounters::read_from(&tree.0);
    assert_eq!(before, QueueCounters { overflows: 10, drops: 12 });
    let tree = tree.with("proc/net/netstat", &netstat(1_510, 1_512));
    let since = QueueCounters::read_from(&tree.0).since(&before);
    assert_eq!(since, QueueCounters { overflows: 1_500, drops: 1_500 });
    let host = tree.host();
    let queue = |waiting, limit| Some(AcceptQueue { waiting, limit });
    let sentence = |host: &Host, counted: &QueueCounters, queue| {
        host.limit_of_queue(counted, queue).map(|limit| limit.when_reached())
    };
    assert_eq!(
        sentence(&host, &QueueCounters::default(), queue(4097, 4096)),
        None,
        "no connection was dropped"
    );
    assert_eq!(
        sentence(&host, &since, queue(4096, 4096)),
        None,
        "another listener's queue was full"
    );
    assert_eq!(sentence(&host, &since, None), None, "the listener is not on this machine");
    assert_eq!(
        sentence(&host, &since, queue(4097, 4096)).expect("a limit"),
        "out of places in the accept queue of the listener (at most 4,096, found full 1,500 times): raise it \
         with `sysctl -w net.core.somaxconn=16384` as root and serve with --backlog 16384, or connect more slowly \
         with --connect-rate"
    );
    let small = sentence(&host, &since, queue(17, 16)).expect("a limit");
    assert!(
        small.ends_with("): serve with --backlog 64, or connect more slowly with --connect-rate")
    );
    let large = sentence(&host, &since, queue(65_536, 65_535)).expect("a limit");
    assert!(large.ends_with("): connect more slowly with --connect-rate"), "{large}");
    assert_eq!(QueueCounters::read_from(Path::new("/nonexistent")), QueueCounters::default());
}

#[test]
fn addresses_tell_where_the_server_is() {
    let place = |address: &str| Place::from(&Endpoint::Tcp(address.parse().expect("an address")));
    assert_eq!(place("127.9.9.9:1"), Place::Loopback4);
    assert_eq!(place("[::ffff:127.0.0.1]:1"), Place::Loopback4);
    assert_eq!(place("0.0.0.0:1"), Place::Loopback4);
    assert_eq!(place("[::1]:1"), Place::Loopback6);
    assert_eq!(place("192.0.2.1:1"), Place::Elsewhere);
    assert_eq!(Place::from(&Endpoint::Unix("x".into())), Place::Unix);
}
