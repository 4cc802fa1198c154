//! Changed routes are taken into use, and no request is dropped over it.

use platform_testkit::eventually;

use crate::support::{WITHIN, counted, gateway, replace, routes, telling};

#[tokio::test]
async fn new_routes_are_used_without_a_dropped_request() {
    let upstream = telling().await;
    let running = gateway(upstream).await;
    running.api.get("/services/order/v1/x").await.assert_status(401);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let api = running.api.clone();
    let asking = tokio::spawn(async move {
        let mut asked = 0_u32;
        while stopped.try_recv().is_err() {
            api.get("/open").await.assert_status(200);
            asked += 1;
        }
        asked
    });
    let opened = routes(upstream).replace("audience: order, exchange: false, ", "");
    replace(running.routes.path(), &opened);
    eventually(WITHIN, || async { running.api.get("/services/order/v1/x").await.status == 200 }).await;
    stop.send(()).unwrap();
    assert!(asking.await.unwrap() > 0);
}

#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let upstream = telling().await;
    let running = gateway(upstream).await;
    let before = counted("gateway_reloads_total", &["refused"]);
    replace(running.routes.path(), &routes(upstream).replace("methods: [GET],", "methods: [],"));
    eventually(WITHIN, || async { counted("gateway_reloads_total", &["refused"]) > before }).await;
    running.api.get("/open").await.assert_status(200);
}
