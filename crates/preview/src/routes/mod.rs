//! The routes of the server, in one table.

mod body;
mod cameras;
mod events;
mod openapi;
mod page_files;
mod persons;
mod pictures;
mod report;
mod search;
mod status;
mod video;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, post};

use crate::app::App;
use crate::connection::Client;
use crate::error::Refusal;
use crate::guard::{SEARCH, protect};

type Shared = Arc<App>;

/// Each path with the methods that it answers, as the OpenAPI document names them.
fn table() -> Vec<(&'static str, &'static [&'static str], MethodRouter<Shared>)> {
    vec![
        ("/", &["get"], get(page_files::index)),
        ("/assets/{*path}", &["get"], get(page_files::asset)),
        ("/health", &["get"], get(status::health)),
        ("/metrics", &["get"], get(status::metrics)),
        ("/api/openapi.json", &["get"], get(openapi::document)),
        ("/api/info", &["get"], get(status::info)),
        ("/api/cameras", &["get", "post"], get(cameras::list).post(cameras::add)),
        ("/api/cameras/{camera}", &["delete"], delete(cameras::remove)),
        ("/api/cameras/{camera}/pause", &["post"], post(cameras::pause)),
        ("/api/cameras/{camera}/resume", &["post"], post(cameras::resume)),
        ("/api/cameras/{camera}/picture.jpg", &["get"], get(pictures::newest)),
        ("/api/cameras/{camera}/stream.mjpg", &["get"], get(pictures::stream)),
        ("/api/cameras/{camera}/video", &["get"], any(video::video)),
        ("/api/events", &["get"], get(events::events)),
        ("/api/persons", &["get"], get(persons::list)),
        ("/api/persons/journal", &["get"], get(persons::journal)),
        ("/api/persons/suggestions", &["get"], get(persons::suggestions)),
        ("/api/persons/undo", &["post"], post(persons::undo)),
        (SEARCH, &["post"], post(search::search)),
        (
            "/api/persons/{person}",
            &["get", "patch", "delete"],
            get(persons::detail).patch(persons::rename).delete(persons::forget),
        ),
        ("/api/persons/{person}/merge", &["post"], post(persons::merge)),
        ("/api/persons/{person}/split", &["post"], post(persons::split)),
        ("/api/persons/{person}/picture.jpg", &["get"], get(persons::picture)),
        ("/api/report", &["get"], get(report::report)),
    ]
}

/// Returns the router with its guard.
pub(crate) fn router(app: &Shared) -> Router {
    let mut router = Router::new();
    for (path, _, methods) in table() {
        router = router.route(path, methods);
    }
    router
        .fallback(async || Refusal::missing("there is no such page"))
        .method_not_allowed_fallback(async || {
            Refusal::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
        })
        // Each route limits its own body.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app))
}

/// Runs a request through the guard, and sets the headers of its answer.
async fn guard(
    State(app): State<Shared>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match app.guard.refusal(&request, client.address) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    protect(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_describes_every_route_and_no_other() {
        let mut described = openapi::described();
        let mut routes: Vec<String> = table()
            .iter()
            .flat_map(|(path, methods, _)| methods.iter().map(move |method| format!("{method} {path}")))
            .map(|route| route.replace("{*path}", "{path}"))
            .collect();
        described.sort();
        routes.sort();
        assert_eq!(described, routes);
    }
}
