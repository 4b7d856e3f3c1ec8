using System.IO.Compression;
using System.Text.Json;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka.Orleans.Serving;

/// <summary>Which backbone a model's file was tuned on, told without loading it.</summary>
internal static class BackboneOfFile
{
    private const int LargestManifest = 1 << 23;

    /// <summary>
    /// Fingerprint and form of the backbone, as <see cref="SharedBackbone.Shares"/> names it before its device; null where the file does not tell: whoever
    /// loads it says why.
    /// </summary>
    public static string? Read(string path)
    {
        try
        {
            using var zip = ZipFile.OpenRead(path);
            if (zip.Entries.FirstOrDefault(IsManifest) is not { Length: <= LargestManifest } entry)
                return null;
            using var stream = entry.Open();
            using var manifest = JsonDocument.Parse(stream);
            var backbone = manifest.RootElement.GetProperty("backbone");
            return $"{backbone.GetProperty("fingerprint").GetString()} {backbone.GetProperty("quantization").GetString()}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or JsonException or KeyNotFoundException
            or InvalidOperationException)
        {
            return null;
        }
    }

    private static bool IsManifest(ZipArchiveEntry entry) => entry.FullName.Split('/', '\\')[^1] == ModelManifest.Name;
}
