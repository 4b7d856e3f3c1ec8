namespace Microsoft.ML.Data;

/// <summary>The rows of a text file; it is read anew by each cursor.</summary>
internal sealed class TextView : IDataView
{
    private readonly string _path;
    private readonly TextLoader.Options _options;
    private readonly int[][] _fields;

    public TextView(string path, TextLoader.Options options)
    {
        Checks.NonEmpty(path, nameof(path));
        ArgumentNullException.ThrowIfNull(options);
        Checks.Param(File.Exists(path), nameof(path), $"File does not exist at path: {path}");
        Checks.Param(options.Columns is { Length: > 0 }, nameof(options.Columns));
        _path = path;
        _options = options;
        _fields = Array.ConvertAll(options.Columns, c => c.Fields);
        var schema = new DataViewSchema.Builder();
        foreach (var column in options.Columns)
            schema.AddColumn(column.Name, column.Type);
        Schema = schema.ToSchema();
    }

    public bool CanShuffle => false;

    public DataViewSchema Schema { get; }

    public long? GetRowCount() => null;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random rand = null) => new Cursor(this, columnsNeeded);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random rand = null)
    {
        var cursor = GetRowCursor(columnsNeeded, rand);
        return n > 1 ? SplitCursor.Split(cursor, n) : [cursor];
    }

    private sealed class Cursor : LeafCursor
    {
        private readonly TextView _view;
        private readonly StreamReader _reader;
        private readonly TextLine _line;

        public Cursor(TextView view, IEnumerable<DataViewSchema.Column> columnsNeeded) : base(view.Schema, columnsNeeded)
        {
            _view = view;
            _reader = new StreamReader(view._path);
            _line = new TextLine(_reader, view._options);
        }

        protected override bool MoveNextCore() => !(Position + 1 >= _view._options.MaxRows) && _line.Read();

        protected override Delegate CreateGetter(int column)
        {
            var type = Schema[column].Type;
            var parser = FieldParser.Create(type.ItemType(), _view._options.MissingRealsAsNaNs);
            return parser.CreateGetter(type is VectorDataViewType, _view._fields[column], Field);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _reader.Dispose();
            base.Dispose(disposing);
        }

        private string Field(int index)
        {
            CheckPositioned();
            return index < _line.Fields.Count ? _line.Fields[index] : "";
        }
    }
}
