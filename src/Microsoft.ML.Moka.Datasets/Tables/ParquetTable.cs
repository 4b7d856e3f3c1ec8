using System.Globalization;
using Parquet;
using Parquet.Schema;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>Parquet files, all row groups one after the other.</summary>
internal static class ParquetTable
{
    // More rows than that in one group are no data set of texts, but a damaged number.
    private const long MostRowsOfGroup = 1 << 26;

    /// <summary>Where Hugging Face's datasets keep the description of the columns.</summary>
    private const string Description = "huggingface";

    private static readonly TableFormat Format = new('\t');

    /// <exception cref="InvalidDataException">The file is cut off or damaged.</exception>
    public static Table Read(string path)
    {
        RequireWhole(path);
        try
        {
            return ReadAsync(path).GetAwaiter().GetResult();
        }
        // The library throws whatever it stumbles over; what is said here names the file.
        catch (Exception e) when (e is not OutOfMemoryException && !e.Message.Contains(path, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{path} is damaged, or holds what is not read of Parquet: {e.Message}", e);
        }
    }

    /// <summary>A file begins and ends with the same four letters: one that was not fetched whole has no end.</summary>
    private static void RequireWhole(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> mark = stackalloc byte[4];
        var begins = file.ReadAtLeast(mark, mark.Length, throwOnEndOfStream: false) == mark.Length && mark.SequenceEqual("PAR1"u8);
        if (!begins)
            throw new InvalidDataException($"{path} is no Parquet file: it does not begin with PAR1.");
        file.Seek(-Math.Min(file.Length, mark.Length), SeekOrigin.End);
        file.ReadExactly(mark);
        if (!mark.SequenceEqual("PAR1"u8) || file.Length < 12)
            throw new InvalidDataException($"{path} is cut off: a Parquet file ends with PAR1. Fetch it again.");
    }

    private static async Task<Table> ReadAsync(string path)
    {
        var reader = await ParquetReader.CreateAsync(path).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            var fields = reader.Schema.Fields.ToList();
            var read = fields.FindAll(NestedParquet.CanRead);
            var values = read.ConvertAll(_ => new List<string?>());
            for (var group = 0; group < reader.RowGroupCount; group++)
            {
                using var rows = reader.OpenRowGroupReader(group);
                if (rows.RowCount is < 0 or > MostRowsOfGroup)
                    throw new InvalidDataException($"{path} is damaged: row group {group + 1} says that it has {rows.RowCount} rows.");
                for (var column = 0; column < read.Count; column++)
                    values[column].AddRange(await ColumnAsync(rows, read[column], (int)rows.RowCount).ConfigureAwait(false));
            }
            var count = values.Count == 0 ? 0 : values[0].Count;
            List<TableRow> all = [.. Enumerable.Range(0, count).Select(row => new TableRow(row + 1, values.ConvertAll(column => column[row])))];
            var table = new Table(path, read.ConvertAll(field => field.Name), all, Format)
            {
                Kinds = read.ConvertAll(KindOf),
                LeftOut = [.. fields.Select(field => field.Name).Except(read.Select(field => field.Name))],
            };
            return reader.CustomMetadata.TryGetValue(Description, out var json) ? ClassNames.OfParquet(json, path).Apply(table) : table;
        }
    }

    /// <summary>What a column of values holds; null where it is not read.</summary>
    public static ValueKind? KindOf(DataField field) => Kinds.TryGetValue(field.ClrType, out var kind) ? kind : null;

    private static ValueKind KindOf(Field field) => field switch
    {
        ListField or DataField { IsArray: true } => ValueKind.List,
        DataField data => Kinds[data.ClrType],
        _ => ValueKind.Text,
    };

    private static Dictionary<Type, ValueKind> Kinds { get; } = new()
    {
        [typeof(ReadOnlyMemory<char>)] = ValueKind.Text,
        [typeof(bool)] = ValueKind.Boolean,
        [typeof(sbyte)] = ValueKind.Whole,
        [typeof(byte)] = ValueKind.Whole,
        [typeof(short)] = ValueKind.Whole,
        [typeof(ushort)] = ValueKind.Whole,
        [typeof(int)] = ValueKind.Whole,
        [typeof(uint)] = ValueKind.Whole,
        [typeof(long)] = ValueKind.Whole,
        [typeof(float)] = ValueKind.Number,
        [typeof(double)] = ValueKind.Number,
    };

    private static Task<IEnumerable<string?>> ColumnAsync(ParquetRowGroupReader rows, Field column, int count)
    {
        if (column is not DataField { IsArray: false } field)
            return NestedParquet.ReadAsync(rows, column, count);
        if (field.ClrType == typeof(ReadOnlyMemory<char>))
            return TextsAsync(rows, field, count);
        if (field.ClrType == typeof(bool))
            return ValuesAsync<bool>(rows, field, count, value => value ? "true" : "false");
        if (field.ClrType == typeof(sbyte))
            return ValuesAsync<sbyte>(rows, field, count, Invariant);
        if (field.ClrType == typeof(byte))
            return ValuesAsync<byte>(rows, field, count, Invariant);
        if (field.ClrType == typeof(short))
            return ValuesAsync<short>(rows, field, count, Invariant);
        if (field.ClrType == typeof(ushort))
            return ValuesAsync<ushort>(rows, field, count, Invariant);
        if (field.ClrType == typeof(int))
            return ValuesAsync<int>(rows, field, count, Invariant);
        if (field.ClrType == typeof(uint))
            return ValuesAsync<uint>(rows, field, count, Invariant);
        if (field.ClrType == typeof(long))
            return ValuesAsync<long>(rows, field, count, Invariant);
        return field.ClrType == typeof(float)
            ? ValuesAsync<float>(rows, field, count, Invariant)
            : ValuesAsync<double>(rows, field, count, Invariant);
    }

    private static string Invariant<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

    private static async Task<IEnumerable<string?>> TextsAsync(ParquetRowGroupReader rows, DataField field, int count)
    {
        var values = new string?[count];
        await rows.ReadAsync(field, values.AsMemory()).ConfigureAwait(false);
        return values;
    }

    private static async Task<IEnumerable<string?>> ValuesAsync<T>(ParquetRowGroupReader rows, DataField field, int count, Func<T, string> write)
        where T : struct
    {
        if (!field.IsNullable)
        {
            var all = new T[count];
            await rows.ReadAsync<T>(field, all.AsMemory()).ConfigureAwait(false);
            return all.Select(write);
        }
        var values = new T?[count];
        await rows.ReadAsync<T>(field, values.AsMemory()).ConfigureAwait(false);
        return values.Select(value => value is { } some ? write(some) : null);
    }
}
