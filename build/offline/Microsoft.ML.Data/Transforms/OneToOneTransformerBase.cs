using System.Reflection;

namespace Microsoft.ML.Data;

/// <summary>Maps rows one by one.</summary>
public abstract class RowToRowTransformerBase : ITransformer
{
    private protected RowToRowTransformerBase()
    {
    }

    bool ITransformer.IsRowToRowMapper => true;

    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => CreateMapper(inputSchema).OutputSchema;

    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new MappedView(input, CreateMapper(input.Schema));
    }

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => CreateMapper(inputSchema);

    void ICanSaveModel.Save(ModelSaveContext ctx) => SaveModel(ctx);

    private protected abstract void SaveModel(ModelSaveContext ctx);

    private protected abstract IRowToRowMapper CreateMapper(DataViewSchema inputSchema);
}

/// <summary>Adds columns that are each computed, item by item, from one input column.</summary>
public abstract class OneToOneTransformerBase : RowToRowTransformerBase
{
    private protected OneToOneTransformerBase(IEnumerable<InputOutputColumnPair> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        Columns = [.. columns];
        foreach (var repeated in Columns.GroupBy(c => c.OutputColumnName).Where(g => g.Count() > 1))
            throw new ArgumentOutOfRangeException(nameof(columns), $"Name of the result column '{repeated.Key}' specified multiple times");
    }

    private protected OneToOneTransformerBase(ModelLoadContext ctx, VersionInfo version)
    {
        ctx.CheckAtModel(version);
        Columns = new InputOutputColumnPair[ctx.Reader.ReadInt32()];
        for (var i = 0; i < Columns.Length; i++)
        {
            var output = ctx.LoadNonEmptyString();
            Columns[i] = new InputOutputColumnPair(output, ctx.LoadNonEmptyString());
        }
    }

    internal InputOutputColumnPair[] Columns { get; }

    private protected void SaveColumns(ModelSaveContext ctx)
    {
        ctx.Writer.Write(Columns.Length);
        foreach (var column in Columns)
        {
            ctx.SaveNonEmptyString(column.OutputColumnName);
            ctx.SaveNonEmptyString(column.InputColumnName);
        }
    }

    /// <summary>The item map of the pair at <paramref name="index"/> for an input column.</summary>
    private protected abstract ItemMap CreateMap(int index, DataViewSchema.Column input);

    private protected static SchemaShape.Column FindInput(SchemaShape schema, InputOutputColumnPair pair) =>
        schema.TryFindColumn(pair.InputColumnName, out var column)
            ? column
            : throw new ArgumentOutOfRangeException("inputSchema", $"Could not find input column '{pair.InputColumnName}'");

    private protected sealed override IRowToRowMapper CreateMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        var inputs = Array.ConvertAll(Columns, c => DataOperationsCatalog.Find(inputSchema, c.InputColumnName, nameof(inputSchema), "input"));
        var maps = inputs.Select((input, i) => CreateMap(i, input)).ToArray();
        return new Mapper(inputSchema, Columns, inputs, maps);
    }

    /// <summary>What becomes of an item, and the type and annotations of the column of such items.</summary>
    internal abstract class ItemMap
    {
        public PrimitiveDataViewType Type { get; init; }

        public Action<DataViewSchema.Annotations.Builder> Annotate { get; init; } = _ => { };

        public abstract Delegate CreateGetter(DataViewRow input, DataViewSchema.Column column);
    }

    internal sealed class ItemMap<TFrom, TTo>(Func<TFrom, TTo> map) : ItemMap
    {
        public override Delegate CreateGetter(DataViewRow input, DataViewSchema.Column column) =>
            column.Type is VectorDataViewType ? CreateVectorGetter(input.GetGetter<VBuffer<TFrom>>(column)) : CreateScalarGetter(input.GetGetter<TFrom>(column));

        private ValueGetter<TTo> CreateScalarGetter(ValueGetter<TFrom> getter)
        {
            TFrom from = default;
            return (ref TTo to) =>
            {
                getter(ref from);
                to = map(from);
            };
        }

        private ValueGetter<VBuffer<TTo>> CreateVectorGetter(ValueGetter<VBuffer<TFrom>> getter)
        {
            VBuffer<TFrom> from = default;
            return (ref VBuffer<TTo> to) =>
            {
                getter(ref from);
                var editor = VBufferEditor.Create(ref to, from.Length);
                var i = 0;
                foreach (var item in from.DenseValues())
                    editor.Values[i++] = map(item);
                to = editor.Commit();
            };
        }
    }

    private sealed class Mapper(DataViewSchema inputSchema, InputOutputColumnPair[] columns, DataViewSchema.Column[] inputs, ItemMap[] maps)
        : ColumnMapper(inputSchema, [.. columns.Select((c, i) => ColumnOf(c.OutputColumnName, inputs[i], maps[i]))], Array.ConvertAll(inputs, c => c.Index))
    {
        protected override Delegate CreateGetter(DataViewRow input, DataViewSchema.Column inputColumn, int added) =>
            maps[added].CreateGetter(input, inputColumn);

        private static DataViewSchema.DetachedColumn ColumnOf(string name, DataViewSchema.Column input, ItemMap map)
        {
            var annotations = new DataViewSchema.Annotations.Builder();
            map.Annotate(annotations);
            annotations.Add(input.Annotations, kind => kind == AnnotationUtils.Kinds.SlotNames);
            DataViewType type = input.Type is VectorDataViewType vector ? new VectorDataViewType(map.Type, vector.Dimensions) : map.Type;
            return new DataViewSchema.DetachedColumn(name, type, annotations.ToAnnotations());
        }
    }

    /// <summary>Calls a generic method with type arguments that are known at run time only.</summary>
    private protected static TResult Invoke<TResult>(Delegate example, Type[] typeArguments, params object[] arguments)
    {
        try
        {
            return (TResult)example.Method.GetGenericMethodDefinition().MakeGenericMethod(typeArguments).Invoke(example.Target, arguments);
        }
        catch (TargetInvocationException exception)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(exception.InnerException);
            throw;
        }
    }
}
