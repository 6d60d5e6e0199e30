//! Rows for PostgreSQL's binary `COPY`: the fastest way in, where nothing can
//! be there already. <https://www.postgresql.org/docs/current/sql-copy.html>

use sqlx::PgConnection;

use crate::error::{Result, StoreError};
use crate::moment::Moment;
use crate::sql::Arg;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Sent at a time.
const PIECE: usize = 1 << 20;

/// Copies cells, in row order, into `into`: a table and its columns.
pub(crate) async fn copy(
    on: &mut PgConnection,
    into: &str,
    width: usize,
    cells: &[Arg],
) -> Result<()> {
    let text = format!("COPY {into} FROM STDIN (FORMAT binary)");
    let columns = i16::try_from(width).map_err(|error| refused(error.into()))?;
    let mut copy = on.copy_in_raw(&text).await?;
    let mut piece = HEADER.to_vec();
    for row in cells.chunks(width) {
        piece.extend_from_slice(&columns.to_be_bytes());
        for cell in row {
            put(&mut piece, cell)?;
        }
        if piece.len() >= PIECE {
            copy.send(&piece[..]).await?;
            piece.clear();
        }
    }
    piece.extend_from_slice(&TRAILER);
    copy.send(&piece[..]).await?;
    copy.finish().await?;
    Ok(())
}

/// A cell: its length, or -1 for null, and its bytes.
fn put(out: &mut Vec<u8>, cell: &Arg) -> Result<()> {
    match cell {
        Arg::Int(Some(number)) => field(out, &number.to_be_bytes()),
        Arg::Bool(Some(flag)) => field(out, &[u8::from(*flag)]),
        Arg::Text(Some(text)) => field(out, text.as_bytes()),
        Arg::Bytes(Some(bytes)) => field(out, bytes),
        Arg::Uuid(Some(id)) => field(out, id.as_bytes()),
        Arg::Time(Some(Moment(at))) => field(out, &Moment(*at).postgres().to_be_bytes()),
        Arg::Int(None)
        | Arg::Bool(None)
        | Arg::Text(None)
        | Arg::Bytes(None)
        | Arg::Uuid(None)
        | Arg::Time(None) => {
            out.extend_from_slice(&NULL);
            Ok(())
        }
        Arg::Ints(_) | Arg::Texts(_) | Arg::Uuids(_) => Err(refused("a list is no cell".into())),
    }
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    let length = i32::try_from(bytes.len()).map_err(|error| refused(error.into()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn refused(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Other(sqlx::Error::Encode(error))
}
