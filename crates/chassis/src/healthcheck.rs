//! The container's health check: the image has neither a shell nor curl, so the binary asks itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the process on this machine's `admin_port` whether it is live; exit code 0 or 1.
pub fn run(admin_port: u16) -> ExitCode {
    match ask(admin_port) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("not live: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("no answer from 127.0.0.1:{admin_port}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(admin_port: u16) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, admin_port).into(), TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.take(1024).read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
