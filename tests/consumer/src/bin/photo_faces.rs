//! Prints the faces of a photo: `photo_faces PHOTO`.

fn main() -> Result<(), passerby::Error> {
    let photo = std::env::args().nth(1).unwrap_or_else(|| "photo.jpg".into());
    let image = passerby::read_image(photo)?;
    for face in passerby::faces(&image)? {
        println!("{:?}, score {:.2}", face.bbox, face.score);
    }
    Ok(())
}
