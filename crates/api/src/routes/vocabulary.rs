//! The vocabulary, as data.

use actix_web::{HttpResponse, web};
use search::Counted;
use serde::Serialize;
use taxonomy::{Discipline, EmploymentType, Environment, Seniority, Taxonomy, Workplace};
use utoipa::ToSchema;

use crate::extract::{NoParams, Params};
use crate::reply::Reply;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/v1/taxonomy").route(web::get().to(get_taxonomy)));
}

/// The vocabulary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaxonomyBody {
    version: String,
    disciplines: Vec<TermBody>,
    specialties: Vec<SpecialtyBody>,
    skills: Vec<SkillBody>,
    seniorities: Vec<TermBody>,
    employment_types: Vec<TermBody>,
    workplaces: Vec<TermBody>,
    environments: Vec<TermBody>,
    /// Fields that can be counted and filtered.
    facets: Vec<&'static str>,
}

/// A word of the vocabulary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TermBody {
    #[schema(example = "silicon")]
    id: &'static str,
    label: &'static str,
}

/// A specialty of a discipline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpecialtyBody {
    #[schema(example = "rtl_design")]
    id: String,
    label: String,
    discipline: &'static str,
    synonyms: Vec<String>,
}

/// A skill.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkillBody {
    #[schema(example = "systemverilog")]
    id: String,
    label: String,
    synonyms: Vec<String>,
}

fn terms<T: Copy>(all: &[T], id: fn(T) -> &'static str, label: fn(T) -> &'static str) -> Vec<TermBody> {
    all.iter()
        .map(|term| TermBody {
            id: id(*term),
            label: label(*term),
        })
        .collect()
}

/// The words that the board knows.
#[utoipa::path(get, path = "/v1/taxonomy", tag = "search", responses((status = 200, body = TaxonomyBody)))]
pub(crate) async fn get_taxonomy(Params(NoParams {}): Params<NoParams>) -> HttpResponse {
    let taxonomy = Taxonomy::bundled();
    let body = TaxonomyBody {
        version: taxonomy.version().to_owned(),
        disciplines: terms(Discipline::ALL, Discipline::as_str, Discipline::label),
        seniorities: terms(Seniority::ALL, Seniority::as_str, Seniority::label),
        employment_types: terms(EmploymentType::ALL, EmploymentType::as_str, EmploymentType::label),
        workplaces: terms(Workplace::ALL, Workplace::as_str, Workplace::label),
        environments: terms(Environment::ALL, Environment::as_str, Environment::label),
        facets: Counted::all().map(Counted::as_str).collect(),
        specialties: taxonomy
            .specialties()
            .iter()
            .map(|specialty| SpecialtyBody {
                id: specialty.id.clone(),
                label: specialty.label.clone(),
                discipline: specialty.discipline.as_str(),
                synonyms: specialty.synonyms.clone(),
            })
            .collect(),
        skills: taxonomy
            .skills()
            .iter()
            .map(|skill| SkillBody {
                id: skill.id.clone(),
                label: skill.label.clone(),
                synonyms: skill.synonyms.clone(),
            })
            .collect(),
    };
    Reply::ok(&body).into_response()
}
