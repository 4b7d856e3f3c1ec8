using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Rows as bytes, in ML.NET's own binary form, which keeps keys and what they stand for.</summary>
internal static class RowBytes
{
    /// <param name="rows">The rows.</param>
    /// <param name="columns">The columns that are wanted.</param>
    public static byte[] Write(IDataView rows, string[] columns)
    {
        var context = new MLContext();
        using var stream = new MemoryStream();
        context.Data.SaveAsBinary(context.Transforms.SelectColumns(columns).Fit(rows).Transform(rows), stream);
        return stream.ToArray();
    }

    public static IDataView Read(MLContext context, byte[] bytes) => context.Data.LoadFromBinary(new InMemory(bytes));

    private sealed class InMemory(byte[] bytes) : IMultiStreamSource
    {
        public int Count => 1;

        public string? GetPathOrNull(int index) => null;

        public Stream Open(int index) => new MemoryStream(bytes, writable: false);

        public TextReader OpenTextReader(int index) => new StreamReader(Open(index));
    }
}
