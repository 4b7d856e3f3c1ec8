namespace Microsoft.ML.Moka;

/// <summary>A backbone that a saved model was tuned on, and does not have inside.</summary>
/// <param name="Path">The folder where it was when the model was made.</param>
/// <param name="Fingerprint">Tells whether a folder holds the same backbone: "sha256:" and 64 hexadecimal digits.</param>
public sealed record BackboneReference(string Path, string Fingerprint);
