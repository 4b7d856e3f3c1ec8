using System.Globalization;
using System.Text.Json;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>
/// Columns of Parquet whose values are lists or structures, as JSON: what they are made of lies in columns of its own, and the levels beside its values say
/// where a list goes on and what is missing (Dremel, doi:10.14778/1920841.1920886).
/// </summary>
internal sealed class NestedParquet
{
    private readonly Dictionary<DataField, Leaf> _leaves;

    private NestedParquet(Dictionary<DataField, Leaf> leaves) => _leaves = leaves;

    /// <summary>Whether a column is of lists and structures of what is read here.</summary>
    public static bool CanRead(Field field) => field switch
    {
        DataField data => ParquetTable.KindOf(data) is not null,
        ListField list => CanRead(list.Item),
        StructField structure => structure.Fields.Count > 0 && structure.Fields.All(CanRead),
        _ => false,
    };

    /// <summary>The values of a column in a group of rows; null where one is missing.</summary>
    public static async Task<IEnumerable<string?>> ReadAsync(ParquetRowGroupReader rows, Field field, int count)
    {
        var leaves = new Dictionary<DataField, Leaf>();
        foreach (var data in LeavesOf(field))
            leaves.Add(data, await Leaf.ReadAsync(rows, data).ConfigureAwait(false));
        var column = new NestedParquet(leaves);
        // A row begins where nothing is repeated.
        var slices = column.Split(LeavesOf(field).ToDictionary(data => data, data => (0, leaves[data].Count)), level: 0);
        return slices.Count == count
            ? [.. slices.Select(slice => column.TextOf(field, slice))]
            : throw new InvalidDataException($"The column '{field.Name}' has {slices.Count} values, and there are {count} rows.");
    }

    private static IEnumerable<DataField> LeavesOf(Field field) => field switch
    {
        DataField data => [data],
        ListField list => LeavesOf(list.Item),
        StructField structure => structure.Fields.SelectMany(LeavesOf),
        _ => [],
    };

    private string? TextOf(Field field, Dictionary<DataField, (int Start, int End)> slice) =>
        IsMissing(field, slice) ? null : JsonList.Write(json => Write(json, field, slice));

    private void Write(Utf8JsonWriter json, Field field, Dictionary<DataField, (int Start, int End)> slice)
    {
        if (IsMissing(field, slice))
        {
            json.WriteNullValue();
            return;
        }
        switch (field)
        {
            case ListField list:
                WriteItems(json, field, slice, item => Write(json, list.Item, item));
                break;
            case StructField structure:
                json.WriteStartObject();
                foreach (var part in structure.Fields)
                {
                    json.WritePropertyName(part.Name);
                    Write(json, part, LeavesOf(part).ToDictionary(data => data, data => slice[data]));
                }
                json.WriteEndObject();
                break;
            case DataField { IsArray: true } array:
                WriteItems(json, field, slice, item => _leaves[array].Write(json, item[array].Start));
                break;
            case DataField data:
                _leaves[data].Write(json, slice[data].Start);
                break;
        }
    }

    private void WriteItems(
        Utf8JsonWriter json, Field list, Dictionary<DataField, (int Start, int End)> slice, Action<Dictionary<DataField, (int Start, int End)>> write)
    {
        json.WriteStartArray();
        if (DefinitionAt(slice) >= list.MaxDefinitionLevel)
            Split(slice, list.MaxRepetitionLevel).ForEach(write);
        json.WriteEndArray();
    }

    // A list that is there and empty is defined to one level less than its items.
    private bool IsMissing(Field field, Dictionary<DataField, (int Start, int End)> slice) =>
        field.IsNullable && DefinitionAt(slice) < field.MaxDefinitionLevel - (field is ListField or DataField { IsArray: true } ? 1 : 0);

    private int DefinitionAt(Dictionary<DataField, (int Start, int End)> slice)
    {
        var (data, (start, _)) = slice.First();
        return _leaves[data].DefinitionAt(start);
    }

    /// <summary>The pieces that begin wherever no more than a level is repeated.</summary>
    private List<Dictionary<DataField, (int Start, int End)>> Split(Dictionary<DataField, (int Start, int End)> slice, int level)
    {
        var pieces = new List<Dictionary<DataField, (int Start, int End)>>();
        foreach (var (data, (start, end)) in slice)
        {
            var (leaf, piece) = (_leaves[data], 0);
            for (var (at, begin) = (start + 1, start); at <= end; at++)
            {
                if (at < end && leaf.RepetitionAt(at) > level)
                    continue;
                if (piece == pieces.Count)
                    pieces.Add([]);
                pieces[piece++].Add(data, (begin, at));
                begin = at;
            }
        }
        return pieces.TrueForAll(piece => piece.Count == slice.Count)
            ? pieces
            : throw new InvalidDataException("The parts of a structure do not have the same number of values.");
    }

    /// <summary>Values, and the levels that say where they belong.</summary>
    private sealed class Leaf(DataField field, int[]? definitions, int[]? repetitions, Array values)
    {
        private readonly int[] _places = PlacesOf(field, definitions, values.Length);

        public int Count => definitions?.Length ?? values.Length;

        public static async Task<Leaf> ReadAsync(ParquetRowGroupReader rows, DataField field)
        {
            using var raw = await rows.ReadRawColumnDataBaseAsync(field).ConfigureAwait(false);
            return new Leaf(
                field, field.MaxDefinitionLevel > 0 ? raw.DefinitionLevels.ToArray() : null,
                field.MaxRepetitionLevel > 0 ? raw.RepetitionLevels.ToArray() : null, ValuesOf(raw));
        }

        public int DefinitionAt(int entry) => definitions?[entry] ?? 0;

        public int RepetitionAt(int entry) => repetitions?[entry] ?? 0;

        public void Write(Utf8JsonWriter json, int entry)
        {
            if (DefinitionAt(entry) < field.MaxDefinitionLevel)
            {
                json.WriteNullValue();
                return;
            }
            switch (values.GetValue(_places[entry]))
            {
                case ReadOnlyMemory<char> text:
                    json.WriteStringValue(text.Span);
                    break;
                case bool truth:
                    json.WriteBooleanValue(truth);
                    break;
                case double number when !double.IsFinite(number):
                case float single when !float.IsFinite(single):
                    json.WriteNullValue();
                    break;
                case IFormattable number:
                    json.WriteRawValue(number.ToString(null, CultureInfo.InvariantCulture));
                    break;
            }
        }

        // Values that are missing have an entry, and no value.
        private static int[] PlacesOf(DataField field, int[]? definitions, int count)
        {
            var next = 0;
            return definitions is null
                ? [.. Enumerable.Range(0, count)]
                : [.. definitions.Select(level => level == field.MaxDefinitionLevel ? next++ : -1)];
        }

        private static Array ValuesOf(RawColumnData raw) => raw switch
        {
            RawColumnData<ReadOnlyMemory<char>> texts => Copied(texts.Values),
            RawColumnData<bool> truths => truths.Values.ToArray(),
            RawColumnData<sbyte> numbers => numbers.Values.ToArray(),
            RawColumnData<byte> numbers => numbers.Values.ToArray(),
            RawColumnData<short> numbers => numbers.Values.ToArray(),
            RawColumnData<ushort> numbers => numbers.Values.ToArray(),
            RawColumnData<int> numbers => numbers.Values.ToArray(),
            RawColumnData<uint> numbers => numbers.Values.ToArray(),
            RawColumnData<long> numbers => numbers.Values.ToArray(),
            RawColumnData<float> numbers => numbers.Values.ToArray(),
            RawColumnData<double> numbers => numbers.Values.ToArray(),
            _ => throw new InvalidDataException($"Values of the kind {raw.GetType()} are not read."),
        };

        // The texts lie in memory that goes with the reader's.
        private static ReadOnlyMemory<char>[] Copied(ReadOnlySpan<ReadOnlyMemory<char>> texts)
        {
            var copies = new ReadOnlyMemory<char>[texts.Length];
            for (var i = 0; i < copies.Length; i++)
                copies[i] = texts[i].ToString().AsMemory();
            return copies;
        }
    }
}
