//! Chromium without a window, and what it says of a page.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use headless_chrome::browser::tab::Tab;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Network, Page, Target};
use headless_chrome::{Browser, LaunchOptions};
use serde_json::Value;

/// The browser that the tests share while one of them needs it; it ends with the last.
static BROWSER: Mutex<Weak<Browser>> = Mutex::new(Weak::new());

/// A page in a window of its own.
pub(crate) struct Viewer {
    _browser: Arc<Browser>,
    pub(crate) tab: Arc<Tab>,
    complaints: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Viewer {
    /// Starts a browser; `None`, with a reason on standard error, where the test must be skipped.
    pub(crate) fn start() -> Option<Self> {
        let browser = browser()?;
        // Another tab of one window would be hidden, and a hidden page is not drawn.
        let window = Target::CreateTarget {
            url: "about:blank".to_owned(),
            left: None,
            top: None,
            width: None,
            height: None,
            window_state: None,
            browser_context_id: None,
            enable_begin_frame_control: None,
            new_window: Some(true),
            background: None,
            for_tab: None,
            hidden: None,
        };
        let tab = browser.new_tab_with_options(window).unwrap();
        let (complaints, requests) = (Arc::default(), Arc::default());
        let viewer = Self { _browser: browser, tab, complaints, requests };
        viewer.listen();
        Some(viewer)
    }

    fn listen(&self) {
        let (complaints, requests) = (self.complaints.clone(), self.requests.clone());
        let listener = move |event: &Event| match event {
            Event::NetworkRequestWillBeSent(sent) => {
                requests.lock().unwrap().push(sent.params.request.url.clone());
            }
            Event::RuntimeExceptionThrown(_)
            | Event::RuntimeConsoleAPICalled(_)
            | Event::LogEntryAdded(_)
            | Event::PageJavascriptDialogOpening(_) => {
                complaints.lock().unwrap().push(format!("{event:?}"));
            }
            _ => {}
        };
        self.tab.add_event_listener(Arc::new(listener)).unwrap();
        self.tab.enable_log().unwrap();
        self.tab.enable_runtime().unwrap();
        self.tab
            .call_method(Network::Enable {
                max_total_buffer_size: None,
                max_resource_buffer_size: None,
                max_post_data_size: None,
                report_direct_socket_traffic: None,
                enable_durable_messages: None,
            })
            .unwrap();
    }

    /// Opens a file at this fragment, with all its scripts run.
    pub(crate) fn open(&self, file: &Path, fragment: &str) {
        // Only another document is loaded anew; another fragment alone is not.
        self.tab.navigate_to("about:blank").unwrap().wait_until_navigated().unwrap();
        let address = format!("file://{}{fragment}", file.display());
        self.tab.navigate_to(&address).unwrap().wait_until_navigated().unwrap();
    }

    /// The value of an expression in the page.
    pub(crate) fn ask(&self, expression: &str) -> Value {
        let object = self.tab.evaluate(&format!("JSON.stringify({expression})"), false).unwrap();
        let text =
            object.value.clone().unwrap_or_else(|| panic!("{expression} has no value: {object:?}"));
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }

    /// The JSON that an expression promises.
    pub(crate) fn ask_later(&self, expression: &str) -> Value {
        let object = self.tab.evaluate(expression, true).unwrap();
        let text = object.value.clone().unwrap_or_else(|| panic!("there is no value: {object:?}"));
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }

    /// Shows the page this wide, in CSS pixels.
    pub(crate) fn width(&self, width: u32) {
        let metrics = Emulation::SetDeviceMetricsOverride {
            width,
            height: 1500,
            device_scale_factor: 1.0,
            mobile: false,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(metrics).unwrap();
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&self, expression: &str) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while self.ask(expression) != true {
            assert!(std::time::Instant::now() < end, "never came true: {expression}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Presses the tabulator key until an element of this kind has the focus.
    pub(crate) fn tab_to(&self, kind: &str, at_most: usize) {
        for _ in 0..at_most {
            self.tab.press_key("Tab").unwrap();
            if self.ask("document.activeElement.tagName") == kind {
                return;
            }
        }
        panic!("{kind} is not reached by {at_most} steps");
    }

    /// What the page is shown as: the medium, and light or dark.
    pub(crate) fn medium(&self, medium: &str, scheme: &str) {
        let feature = Emulation::MediaFeature {
            name: "prefers-color-scheme".to_owned(),
            value: scheme.to_owned(),
        };
        let emulated = Emulation::SetEmulatedMedia {
            media: Some(medium.to_owned()),
            features: Some(vec![feature]),
        };
        self.tab.call_method(emulated).unwrap();
    }

    pub(crate) fn without_scripts(&self) {
        self.tab.call_method(Emulation::SetScriptExecutionDisabled { value: true }).unwrap();
    }

    /// A picture of what is seen, kept under this name for whoever wants to look.
    pub(crate) fn picture(&self, name: &str) -> Vec<u8> {
        let format = Page::CaptureScreenshotFormatOption::Png;
        let picture = self.tab.capture_screenshot(format, None, None, true).unwrap();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(file, &picture).unwrap();
        picture
    }

    /// What the browser complained of, and what it asked the network or the disk for.
    pub(crate) fn heard(&self) -> (Vec<String>, Vec<String>) {
        (self.complaints.lock().unwrap().clone(), self.requests.lock().unwrap().clone())
    }
}

/// The browser; `None`, with a reason on standard error, where there is none.
fn browser() -> Option<Arc<Browser>> {
    let mut shared = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(browser) = shared.upgrade() {
        return Some(browser);
    }
    let program = match headless_chrome::browser::default_executable() {
        Ok(program) => program,
        Err(error) => {
            let must = std::env::var_os("REQUIRE_ISOLATION").is_some_and(|it| it == "1");
            assert!(!must, "REQUIRE_ISOLATION=1, but there is no browser: {error}");
            crate::skipped::note(format_args!(
                "there is no browser, install the package chromium: {error}"
            ));
            return None;
        }
    };
    let options = LaunchOptions::default_builder()
        .path(Some(program))
        // As root, and in most containers, Chromium's own sandbox does not start.
        .sandbox(false)
        .window_size(Some((1500, 1100)))
        .args(vec!["--hide-scrollbars".as_ref(), "--force-color-profile=srgb".as_ref()])
        .build()
        .unwrap();
    let browser = Arc::new(Browser::new(options).unwrap());
    *shared = Arc::downgrade(&browser);
    Some(browser)
}
