//! Telemetry as the rest of the world sees it: trace context in and out, spans at a collector, metrics as text.
//! One test, since telemetry starts once a process.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use http::HeaderMap;
use platform_telemetry::propagation::{
    continue_from_headers, current_traceparent, inject_into_headers, trace_id,
};
use platform_telemetry::{LogFormat, TelemetrySettings};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that takes one request and tells its head and body.
fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let (mut request, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut part) {
            request.extend_from_slice(&part[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        sender.send(request).unwrap();
    });
    (address, receiver)
}

#[test]
fn traces_travel_and_arrive_and_metrics_are_rendered() {
    let (endpoint, arrived) = collector();
    let settings = TelemetrySettings {
        log_level: "info".to_owned(),
        log_format: LogFormat::Json,
        otlp_endpoint: Some(endpoint),
    };
    let telemetry = platform_telemetry::init("sample", &settings).unwrap();

    let mut incoming = HeaderMap::new();
    incoming.insert("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap());
    let span = tracing::info_span!("work");
    continue_from_headers(&span, &incoming);
    assert_eq!(trace_id(&span).as_deref(), Some(TRACE));
    span.in_scope(|| {
        let mut outgoing = HeaderMap::new();
        inject_into_headers(&mut outgoing);
        let outgoing = outgoing["traceparent"].to_str().unwrap().to_owned();
        assert!(outgoing.contains(TRACE) && !outgoing.contains("00f067aa0ba902b7"), "{outgoing}");
        assert_eq!(current_traceparent().as_deref(), Some(outgoing.as_str()));
    });
    drop(span);

    metrics::counter!("sample_total").increment(2);
    metrics::histogram!("sample_duration_seconds").record(0.003);
    let text = telemetry.metrics.render();
    assert!(text.contains("sample_total 2"), "{text}");
    assert!(text.contains(r#"sample_duration_seconds_bucket{le="0.005"} 1"#), "{text}");
    assert!(text.contains("process_resident_memory_bytes"), "{text}");

    assert!(platform_telemetry::init("again", &settings).is_err(), "telemetry starts once a process");
    drop(telemetry);
    let request = arrived.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(request.starts_with(b"POST /v1/traces HTTP/1.1"));
    assert!(request.windows(6).any(|window| window == b"sample"), "the service's name is told");
}
