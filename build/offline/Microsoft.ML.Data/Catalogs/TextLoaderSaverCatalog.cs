using Microsoft.ML.Data;

namespace Microsoft.ML;

public static class TextLoaderSaverCatalog
{
    public static IDataView LoadFromTextFile(
        this DataOperationsCatalog catalog,
        string path,
        TextLoader.Column[] columns,
        char separatorChar = '\t',
        bool hasHeader = false,
        bool allowQuoting = false,
        bool trimWhitespace = false,
        bool allowSparse = false) =>
        new TextView(path, OptionsOf(columns, separatorChar, hasHeader, allowQuoting, trimWhitespace, allowSparse));

    public static IDataView LoadFromTextFile(this DataOperationsCatalog catalog, string path, TextLoader.Options options = null) =>
        new TextView(path, options);

    public static IDataView LoadFromTextFile<TInput>(
        this DataOperationsCatalog catalog,
        string path,
        char separatorChar = '\t',
        bool hasHeader = false,
        bool allowQuoting = false,
        bool trimWhitespace = false,
        bool allowSparse = false) =>
        new TextView(path, OptionsOf(TextLoader.ColumnsOf(typeof(TInput)), separatorChar, hasHeader, allowQuoting, trimWhitespace, allowSparse));

    public static IDataView LoadFromTextFile<TInput>(this DataOperationsCatalog catalog, string path, TextLoader.Options options)
    {
        options ??= new TextLoader.Options();
        options.Columns = TextLoader.ColumnsOf(typeof(TInput));
        return new TextView(path, options);
    }

    private static TextLoader.Options OptionsOf(
        TextLoader.Column[] columns, char separator, bool hasHeader, bool allowQuoting, bool trimWhitespace, bool allowSparse)
    {
        if (allowSparse)
            throw new NotSupportedException("Sparse text is read in packages mode only (see build.sh).");
        return new TextLoader.Options
        {
            Columns = columns,
            Separators = [separator],
            HasHeader = hasHeader,
            AllowQuoting = allowQuoting,
            TrimWhitespace = trimWhitespace,
        };
    }
}
