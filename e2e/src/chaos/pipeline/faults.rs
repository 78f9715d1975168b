use std::fmt;

use anyhow::{Context, Result};
use fastrand::Rng;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{Arena, CLUSTER, KEEPER};
use crate::chaos::bed;
use crate::scene::Postgres;
use crate::scene::postgres::secret;
use crate::wait::seconds;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A Connect worker's pod, without grace.
    KillWorker,
    KillBroker {
        id: i32,
    },
    KillOperator,
    /// A database server without grace, as by a crash; it comes back with what it had.
    CrashSource,
    CrashSink,
    /// A database that is away for so many seconds.
    SourceAway {
        seconds: u64,
    },
    SinkAway {
        seconds: u64,
    },
    /// Of the source's user, in the database and then in its Secret.
    RotatePassword {
        number: u32,
    },
    /// In the source alone.
    AddColumn {
        name: String,
    },
    /// A machine without network for so many seconds, whatever runs there.
    NetworkCut {
        machine: u32,
        seconds: u64,
    },
}

impl Fault {
    /// The next one; `n` of them were before. `spare`: machines that may be switched off.
    pub fn roll(dice: &mut Rng, n: usize, spare: &[u32]) -> Self {
        // each number is drawn every time, so that what is not there to be cut does not change what comes after
        let (kind, id, pause) = (dice.u32(0..12), dice.i32(0..3), dice.u64(5..30));
        let (number, place) = (dice.u32(..), dice.u32(0..3));
        let machine = bed::machine(place, spare);
        match (kind, machine) {
            (0 | 1, _) => Self::KillWorker,
            (2, _) | (10.., None) => Self::KillBroker { id },
            (3, _) => Self::KillOperator,
            (4, _) => Self::CrashSource,
            (5, _) => Self::CrashSink,
            (6, _) => Self::SourceAway { seconds: pause },
            (7, _) => Self::SinkAway { seconds: pause },
            (8, _) => Self::RotatePassword { number },
            (9, _) => Self::AddColumn { name: format!("added_{n}") },
            (10.., Some(machine)) => Self::NetworkCut { machine, seconds: pause },
        }
    }

    pub async fn make(&self, arena: &Arena) -> Result<()> {
        let place = &arena.place;
        match self {
            Self::KillWorker => {
                let pods = place.space.list::<Pod>("").await?;
                let worker = pods.iter().map(ResourceExt::name_any).find(|name| name.starts_with("connect-"));
                Ok(place.space.kill::<Pod>(&worker.context("no worker")?).await?)
            }
            Self::KillBroker { id } => Ok(place.space.kill::<Pod>(&format!("{CLUSTER}-nodes-{id}")).await?),
            Self::KillOperator => {
                arena.operator.kill().await?;
                arena.operator.settled(&place.task, 1).await
            }
            Self::CrashSource => crash(arena, &arena.source).await,
            Self::CrashSink => crash(arena, &arena.sink).await,
            Self::SourceAway { seconds } => away(arena, &arena.source, *seconds).await,
            Self::SinkAway { seconds } => away(arena, &arena.sink, *seconds).await,
            Self::RotatePassword { number } => rotate(arena, *number).await,
            Self::AddColumn { name } => {
                let add = format!("ALTER TABLE customers ADD COLUMN {name} numeric(6,2) DEFAULT 1.5");
                let fill = format!("UPDATE customers SET {name} = id / 4.0 WHERE id % 3 = 0");
                arena.agent.sql(&arena.shop.source, &[&add, &fill]).await.map(drop)
            }
            Self::NetworkCut { machine, seconds: pause } => {
                bed::off(arena.bed.as_ref(), ["cut", "heal"], *machine, *pause).await
            }
        }
    }

    /// Whether the pipeline's Ready has to say something: what it needs is away. A broker or Sluice is missed by others.
    pub fn is_to_be_shown(&self) -> bool {
        matches!(
            self,
            Self::KillWorker
                | Self::CrashSource
                | Self::CrashSink
                | Self::SourceAway { .. }
                | Self::SinkAway { .. }
        )
    }
}

async fn crash(arena: &Arena, server: &Postgres) -> Result<()> {
    arena.place.space.kill::<Pod>(&format!("{}-0", server.name)).await?;
    server.up(&arena.place).await
}

async fn away(arena: &Arena, server: &Postgres, pause: u64) -> Result<()> {
    server.scale(&arena.place, 0).await?;
    tokio::time::sleep(seconds(pause)).await;
    server.scale(&arena.place, 1).await
}

/// Nobody is let in with the old one meanwhile.
async fn rotate(arena: &Arena, number: u32) -> Result<()> {
    let password = format!("rotated-{number}");
    arena.agent.sql(&arena.shop.source, &[&format!("ALTER ROLE {KEEPER} PASSWORD '{password}'")]).await?;
    secret(&arena.place, "shop-source-password", &password).await.map(drop)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillWorker => write!(f, "Connect worker killed"),
            Self::KillBroker { id } => write!(f, "broker {id} killed"),
            Self::KillOperator => write!(f, "operator killed"),
            Self::CrashSource => write!(f, "source database crashes"),
            Self::CrashSink => write!(f, "sink database crashes"),
            Self::SourceAway { seconds } => write!(f, "source database away for {seconds} s"),
            Self::SinkAway { seconds } => write!(f, "sink database away for {seconds} s"),
            Self::RotatePassword { .. } => write!(f, "password of the source rotated"),
            Self::AddColumn { name } => write!(f, "column customers.{name} added"),
            Self::NetworkCut { machine, seconds } => write!(f, "machine {machine} cut off for {seconds} s"),
        }
    }
}
