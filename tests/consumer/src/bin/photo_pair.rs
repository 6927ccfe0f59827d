//! Prints whether two photos show the same person: `photo_pair PHOTO PHOTO`.

fn main() -> Result<(), passerby::Error> {
    let photo = |n| std::env::args().nth(n).unwrap_or_else(|| "photo.jpg".into());
    let a = passerby::read_image(photo(1))?;
    let b = passerby::read_image(photo(2))?;
    let verdict = passerby::same_person(&a, &b)?;
    println!("same person: {} (similarity {:.2})", verdict.same, verdict.similarity);
    Ok(())
}
