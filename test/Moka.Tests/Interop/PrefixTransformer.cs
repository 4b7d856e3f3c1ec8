extern alias MlNetInternals;

using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Tests.Interop;
using Microsoft.ML.Runtime;
using LoadableClass = MlNetInternals::Microsoft.ML.LoadableClassAttribute;
using ModelLoadContext = MlNetInternals::Microsoft.ML.ModelLoadContext;
using SignatureLoadModel = MlNetInternals::Microsoft.ML.SignatureLoadModel;
using VersionInfo = MlNetInternals::Microsoft.ML.VersionInfo;

[assembly: IgnoresAccessChecksTo("Microsoft.ML.Core")]
[assembly: LoadableClass(typeof(PrefixTransformer), typeof(PrefixTransformer), null, typeof(SignatureLoadModel), "Prefix", PrefixTransformer.LoaderSignature)]

namespace Microsoft.ML.Moka.Tests.Interop;

/// <summary>The smallest transformer from outside ML.NET that a model file can hold: it puts a prefix before a text.</summary>
public sealed class PrefixTransformer(string prefix) : ITransformer
{
    internal const string LoaderSignature = "MokaTestPrefix";

    // Prefixes that can be saved and do not load: by an exception of our own, and by one that ML.NET's environment has seen.
    internal const string Bad = "bad";
    internal const string Refused = "refused";

    private static readonly VersionInfo Version =
        new("MOKATEST", 0x00010001, 0x00010001, 0x00010001, typeof(PrefixTransformer).Assembly.FullName, LoaderSignature);

    public bool IsRowToRowMapper => true;

    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => new Mapper(inputSchema, prefix).OutputSchema;

    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => new Mapper(inputSchema, prefix);

    public IDataView Transform(IDataView input) => throw new NotSupportedException("The tests read through prediction engines.");

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        ModelStream.Begin(ctx, Version).Write(prefix);
        ModelStream.Write(ctx, "Prefix.bin", writer => writer.Write(prefix.Length));
    }

    private static PrefixTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        var text = ModelStream.Begin(ctx, Version).ReadString();
        if (text == Bad)
            throw new InvalidDataException("A bad prefix.");
        if (text == Refused)
            throw env.Process(new InvalidDataException("A refused prefix."));
        var length = -1;
        Assert.True(ModelStream.TryRead(ctx, "Prefix.bin", reader => length = reader.ReadInt32()));
        Assert.Equal(text.Length, length);
        Assert.False(ModelStream.TryRead(ctx, "Absent.bin", _ => { }));
        return new PrefixTransformer(text);
    }

    private sealed class Mapper : IRowToRowMapper
    {
        private readonly string _prefix;

        public Mapper(DataViewSchema input, string prefix)
        {
            _prefix = prefix;
            InputSchema = input;
            var builder = new DataViewSchema.Builder();
            builder.AddColumns(input);
            builder.AddColumn("Prefixed", TextDataViewType.Instance);
            OutputSchema = builder.ToSchema();
        }

        public DataViewSchema InputSchema { get; }

        public DataViewSchema OutputSchema { get; }

        public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) => InputSchema;

        public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns) => new Row(this, input);

        private sealed class Row(Mapper mapper, DataViewRow input) : DataViewRow
        {
            public override long Position => input.Position;

            public override long Batch => input.Batch;

            public override DataViewSchema Schema => mapper.OutputSchema;

            public override ValueGetter<DataViewRowId> GetIdGetter() => input.GetIdGetter();

            public override bool IsColumnActive(DataViewSchema.Column column) => true;

            public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
            {
                if (column.Index < mapper.InputSchema.Count)
                    return input.GetGetter<TValue>(mapper.InputSchema[column.Index]);
                var text = input.GetGetter<ReadOnlyMemory<char>>(mapper.InputSchema["Text"]);
                ReadOnlyMemory<char> value = default;
                ValueGetter<ReadOnlyMemory<char>> getter = (ref ReadOnlyMemory<char> result) =>
                {
                    text(ref value);
                    result = (mapper._prefix + value).AsMemory();
                };
                return (ValueGetter<TValue>)(Delegate)getter;
            }
        }
    }
}
