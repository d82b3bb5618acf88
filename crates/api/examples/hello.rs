//! The least that actix-web can answer, for measuring beside it what reading one posting costs:
//! `cargo run --release -p backplane-api --example hello -- 127.0.0.1:7801`.

use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .ok_or_else(|| std::io::Error::other("hello ADDRESS:PORT"))?;
    let app = || App::new().route("/", web::get().to(async || HttpResponse::Ok().body("hello")));
    HttpServer::new(app).workers(2).bind(address)?.run().await
}
