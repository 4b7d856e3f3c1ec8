namespace Microsoft.ML.Moka;

/// <summary>How far a download is.</summary>
/// <param name="File">The file that comes now, by its path in the repository.</param>
/// <param name="BytesDone">The bytes of all files that are there, those that were there before included.</param>
/// <param name="BytesTotal">The bytes of all files; what a server does not tell counts when it has come.</param>
public readonly record struct BackboneDownloadProgress(string File, long BytesDone, long BytesTotal);
