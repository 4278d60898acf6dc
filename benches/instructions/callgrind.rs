//! Counts instructions with valgrind.

use crate::scenes::Scene;
use std::io::{self, ErrorKind};
use std::process::Command;

/// CPU features that the C library must not use for copying: an instruction that copies any number
/// of bytes is counted once per byte, which makes the count meaningless.
const TUNABLES: &str = "glibc.cpu.hwcaps=-ERMS,-FSRM";

/// The number of instructions of one operation of the scene.
pub(crate) fn count(scene: &Scene) -> io::Result<f64> {
    let idle = run(scene, Scene::WARM_UP)?;
    let busy = run(scene, Scene::WARM_UP + Scene::COUNTED)?;
    let work = busy.checked_sub(idle).filter(|&work| work > 0);
    let work = work.ok_or_else(|| io::Error::other(format!("{} did no work", scene.name())))?;
    Ok(work as f64 / (Scene::COUNTED * scene.operations()) as f64)
}

/// Instructions of a whole run of this program that does the scene's work `worked` times.
fn run(scene: &Scene, worked: usize) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--perform", scene.name(), &worked.to_string()])
        // The environment must not influence the counts.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", TUNABLES)
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => io::Error::other("valgrind is not installed"),
            _ => error,
        })?;
    let report = String::from_utf8_lossy(&output.stderr);
    let count = report.lines().find_map(|line| line.split_once("Collected : "));
    match count.and_then(|(_, count)| count.trim().parse().ok()) {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(io::Error::other(format!("valgrind failed on {}: {report}", scene.name()))),
    }
}
