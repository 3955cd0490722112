//! Both services, their queues, and the console that looks at them.

use std::time::Duration;

use console::{Console, InProcess, Settings, Switches};
use order_service::OrderService;
use payment_service::PaymentService;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use sqs::{Backoff, client};
use testbed::{Databases, Scene, http_client};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A part that runs until it is stopped.
pub(crate) struct Part {
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Part {
    fn run<R>(run: impl FnOnce(CancellationToken) -> R) -> Self
    where
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(stop.clone()));
        Self { stop, running }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.running).await.expect("it does not stop").unwrap().unwrap();
    }
}

/// The system under the console.
pub(crate) struct World {
    /// The console reaches the queues through its proxy; the services do not.
    pub(crate) scene: Scene,
    pub(crate) api: String,
    pub(crate) console: String,
    pub(crate) orders: Part,
    pub(crate) payments: Part,
    pub(crate) page: Part,
    http: Client,
    _databases: Databases,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Switches::default(), |_| {}).await
    }

    pub(crate) async fn with(switches: Switches, set: impl FnOnce(&mut Settings)) -> Self {
        let (scene, databases) = (Scene::start().await, Databases::new());
        let names = [scene.queues.name("orders"), scene.queues.name("payments")];
        let [orders_url, payments_url] = [databases.create_url().await, databases.create_url().await];
        let variables = |database: &str| {
            let variables = [("ORDERS_QUEUE", &*names[0]), ("PAYMENTS_QUEUE", &names[1]), ("DATABASE_URL", database)];
            variables.into_iter().collect()
        };
        let mut settings = order_service::Settings::load(variables(&orders_url)).unwrap();
        settings.address = [127, 0, 0, 1].into();
        (settings.port, settings.admin_port) = (0, 0);
        settings.consumer.long_poll = Duration::from_secs(1);
        let orders = OrderService::build(settings, scene.queues.sqs.clone()).await.unwrap();
        let mut settings = payment_service::Settings::load(variables(&payments_url)).unwrap();
        settings.address = [127, 0, 0, 1].into();
        settings.admin_port = 0;
        settings.consumer.long_poll = Duration::from_secs(1);
        // Five receives of an order that always fails are over soon.
        settings.consumer.retry = Backoff::new(Duration::from_millis(50), Duration::from_millis(100));
        let payments = PaymentService::build(settings, scene.queues.sqs.clone()).await.unwrap();

        let mut settings = Settings::load(variables("sqlite://unused.db")).unwrap();
        let api = format!("http://{}", orders.address().unwrap().unwrap());
        settings.port = 0;
        settings.api.clone_from(&api);
        settings.order_service_admin = vec![format!("http://{}", orders.admin_address().unwrap())];
        settings.payment_service_admin = vec![format!("http://{}", payments.admin_address().unwrap())];
        set(&mut settings);
        let sqs = client::for_endpoint(&scene.proxy.url).await;
        let page = Console::build(settings, &sqs, InProcess { journal: None, switches }).unwrap();
        let console = format!("http://{}", page.address().unwrap());
        let orders = Part::run(|stop| orders.run(stop));
        let payments = Part::run(|stop| payments.run(stop));
        let page = Part::run(|stop| page.run(stop));
        Self { scene, api, console, orders, payments, page, http: http_client(), _databases: databases }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.console))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.console))
    }

    /// Places an order of that kind through the console; its id.
    pub(crate) async fn place(&self, kind: &str) -> String {
        let answer = self.post("/orders").json(&json!({ "kind": kind })).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let order: Value = answer.json().await.unwrap();
        order["orderId"].as_str().unwrap().to_owned()
    }

    /// An open page.
    pub(crate) async fn open(&self) -> Page {
        let events = self.get("/events").send().await.unwrap();
        assert_eq!(events.status(), 200);
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        Page { events, text: String::new() }
    }

    pub(crate) async fn stop(self) {
        for part in [self.page, self.payments, self.orders] {
            part.stop().await;
        }
    }
}

/// A page that listens.
pub(crate) struct Page {
    events: Response,
    text: String,
}

impl Page {
    /// The next state.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let state =
                    event.strip_prefix("event: state\ndata: ").map(|state| serde_json::from_str(state).unwrap());
                self.text = rest.to_owned();
                match state {
                    Some(state) => return state,
                    None => continue,
                }
            }
            let chunk = self.events.chunk().await.unwrap().expect("the events end");
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The first state of which `found` says something.
    pub(crate) async fn until<T>(&mut self, what: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let looking = async {
            loop {
                last = self.next().await;
                if let Some(found) = found(&last) {
                    return found;
                }
            }
        };
        let looked = timeout(PATIENCE, looking).await;
        looked.unwrap_or_else(|_| panic!("waited in vain: {what}; at last: {last:#}"))
    }

    pub(crate) async fn until_place(&mut self, id: &str, status: &str) -> Value {
        self.until(&format!("{id} is {status}"), |state| {
            let place = place(state, id);
            (place["status"] == status).then(|| place.clone())
        })
        .await
    }

    pub(crate) async fn until_order(&mut self, id: &str, status: &str) -> Value {
        self.until(&format!("{id} is {status}"), |state| {
            let order = state["orders"]["latest"].as_array()?.iter().find(|order| order["orderId"] == id)?;
            (order["status"] == status).then(|| order.clone())
        })
        .await
    }
}

/// A place of the picture.
pub(crate) fn place<'a>(state: &'a Value, id: &str) -> &'a Value {
    state["places"].as_array().unwrap().iter().find(|place| place["id"] == id).unwrap()
}

/// What has passed from one place to another since the console started.
pub(crate) fn moved(state: &Value, from: &str, to: &str) -> u64 {
    let moves = state["moves"].as_array().unwrap();
    moves.iter().find(|one| one["from"] == from && one["to"] == to).unwrap()["total"].as_u64().unwrap()
}
