using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>The column of vectors that an embedding adds.</summary>
internal sealed record EmbeddingOutputs(string VectorColumn) : IModelOutputs<EmbeddingOutputs>
{
    public const string Loader = "MokaEmbedding";

    public static string ModelSignature => "MOKA EMB";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => null;

    public bool IgnoresHead => true;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns) => columns["embedding"] = VectorColumn;

    public static EmbeddingOutputs Read(JsonFields fields, JsonFields columns) => new(columns.NonBlank("embedding"));
}
