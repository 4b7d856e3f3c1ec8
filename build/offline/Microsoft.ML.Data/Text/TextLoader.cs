using System.Reflection;

namespace Microsoft.ML.Data;

/// <summary>How the lines of a text file are rows.</summary>
public sealed class TextLoader
{
    private TextLoader()
    {
    }

    public class Options
    {
        public char[] Separators = ['\t'];
        public Column[] Columns;
        public bool HasHeader;
        public bool AllowQuoting;
        public bool TrimWhitespace;
        public bool ReadMultilines;
        public bool MissingRealsAsNaNs;
        public long? MaxRows;
    }

    public sealed class Range
    {
        public int Min;
        public int? Max;
        public bool ForceVector;

        public Range()
        {
        }

        public Range(int index)
        {
            Checks.Param(index >= 0, nameof(index), "Must be non-negative");
            Min = index;
            Max = index;
        }

        public Range(int min, int? max)
        {
            Checks.Param(min >= 0, nameof(min), "Must be non-negative");
            Checks.Param(!(max < min), nameof(max), "If specified, must be greater than or equal to min");
            Min = min;
            Max = max;
            ForceVector = true;
        }
    }

    public sealed class Column
    {
        public string Name;
        public Range[] Source;
        public KeyCount KeyCount;

        public Column()
        {
        }

        public Column(string name, DataKind dataKind, int index) : this(name, dataKind, [new Range(index)])
        {
        }

        public Column(string name, DataKind dataKind, int minIndex, int maxIndex) : this(name, dataKind, [new Range(minIndex, maxIndex)])
        {
        }

        public Column(string name, DataKind dataKind, Range[] source, KeyCount keyCount = null)
        {
            ArgumentNullException.ThrowIfNull(name);
            ArgumentNullException.ThrowIfNull(source);
            Name = name;
            DataKind = dataKind;
            Source = source;
            KeyCount = keyCount;
        }

        public DataKind DataKind { get; set; } = DataKind.Single;

        /// <summary>The places in the line that the column's values stand at.</summary>
        internal int[] Fields
        {
            get
            {
                Checks.Param(Source is { Length: > 0 }, nameof(Source), "Must specify some source column indices");
                Checks.Param(Source.All(r => r.Max is not null), nameof(Source), "Can't determine the number of source columns without valid data");
                return [.. Source.SelectMany(r => Enumerable.Range(r.Min, r.Max.Value - r.Min + 1))];
            }
        }

        internal DataViewType Type
        {
            get
            {
                var item = DataViewTypes.OfKind(DataKind);
                if (KeyCount is not null)
                    item = new KeyDataViewType(item.RawType, KeyCount.Count ?? throw new ArgumentOutOfRangeException(nameof(KeyCount)));
                return Fields.Length > 1 || Source[0].ForceVector ? new VectorDataViewType(item, Fields.Length) : item;
            }
        }
    }

    /// <summary>The columns that the members of a class name by <see cref="LoadColumnAttribute"/>.</summary>
    internal static Column[] ColumnsOf(Type type)
    {
        const BindingFlags PublicInstance = BindingFlags.Public | BindingFlags.Instance;
        var properties = type.GetProperties(PublicInstance).Where(p => p.GetGetMethod() is not null && p.GetIndexParameters().Length == 0);
        var members = type.GetFields(PublicInstance).Concat<MemberInfo>(properties).ToArray();
        Checks.Param(members.Length > 0, "TInput", "Should define at least one public, readable field or property in TInput.");
        return Array.ConvertAll(members, ColumnOf);
    }

    private static Column ColumnOf(MemberInfo member)
    {
        var word = member is FieldInfo ? "Field" : "Property";
        var load = member.GetCustomAttribute<LoadColumnAttribute>();
        Checks.That(load is not null, $"{word} '{member.Name}' is missing the {nameof(LoadColumnAttribute)} attribute");
        var type = SchemaDefinition.TypeOf(member);
        var item = DataViewTypes.OfRawType(type.IsArray ? type.GetElementType() : type);
        Checks.That(item is not null, $"{word} {member.Name} is of unsupported type.");
        var key = member.GetCustomAttribute<KeyTypeAttribute>();
        var name = member.GetCustomAttribute<ColumnNameAttribute>()?.Name ?? member.Name;
        return new Column(name, DataViewTypes.KindOf(item), load.Sources, key is null ? null : new KeyCount(key.Count));
    }
}

public sealed class KeyCount
{
    public ulong? Count;

    public KeyCount()
    {
    }

    public KeyCount(ulong count)
    {
        Checks.Param(count > 0, nameof(count), "The cardinality of valid values of a KeyDataViewType column has to be strictly positive.");
        Count = count;
    }
}

[AttributeUsage(AttributeTargets.Field | AttributeTargets.Property, AllowMultiple = false, Inherited = true)]
public sealed class LoadColumnAttribute : Attribute
{
    public LoadColumnAttribute(int fieldIndex) => Sources = [new TextLoader.Range(fieldIndex)];

    public LoadColumnAttribute(int start, int end) => Sources = [new TextLoader.Range(start, end)];

    public LoadColumnAttribute(int[] columnIndexes) => Sources = Array.ConvertAll(columnIndexes, i => new TextLoader.Range(i));

    internal TextLoader.Range[] Sources { get; }
}
