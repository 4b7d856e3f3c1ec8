using System.Security.Cryptography;
using System.Text;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>A cell of a notebook.</summary>
/// <param name="IsCode">Code, not Markdown.</param>
/// <param name="Source">Its text; lines end with \n, the last one with nothing.</param>
/// <param name="IsExact">Whether its outputs are the same on every machine; others hold times, or numbers that follow the processor's rounding.</param>
internal sealed record Cell(bool IsCode, string Source, bool IsExact = false)
{
    /// <summary>What the cell showed when it ran.</summary>
    public List<Output> Outputs { get; } = [];

    /// <summary>Stays while the text stays, so that a new cell leaves the others' lines in the file alone.</summary>
    public string Id => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{IsCode} {Source}")))[..8];
}

/// <summary>What a cell showed: the same thing in one or several forms, the text of each by its MIME type.</summary>
/// <param name="Kind">"display_data", "execute_result" or "stream", as nbformat has them.</param>
internal sealed record Output(string Kind)
{
    /// <summary>The forms by MIME type; of a stream, text/plain alone.</summary>
    public SortedDictionary<string, string> Data { get; } = new(StringComparer.Ordinal);
}
